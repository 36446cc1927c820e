// Act 1 of the lab: one change, and the sums that follow from it.
#pragma once

#include <array>
#include <string>

#include "common/explore/schedule.h"
#include "graph.h"

// The graph after its one change.
struct Diamond {
  Graph graph;
  std::array<int, 2> sums{};  // That were shown; 0 if there was none.

  Diamond() {
    graph.source.begin();
    graph.source.publish(2, 2);
    graph.source.end();
  }
  [[nodiscard]] std::string shown() const {
    return std::to_string(sums[0]) +
           (sums[1] != 0 ? " then " + std::to_string(sums[1]) : "");
  }
};

// Adds Double, Triple and Sum. Sum shows states until it has shown the newest.
void add_all(ipc::Schedule& schedule, Diamond& diamond);
