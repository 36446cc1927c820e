// The diamond: one value, two that follow from it, and their sum.
//
//             .--> doubled --.
//   source --<                >--> sum
//             '--> tripled --'
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "labs/reactive/observable.h"

struct Graph {
  ipc::Observable<int> source{1};
  ipc::Observable<int> doubled{2};
  ipc::Observable<int> tripled{3};
};

// A state that is shown: its two values are always of one epoch.
struct State {
  uint64_t epoch;
  int doubled;
  int tripled;

  [[nodiscard]] int sum() const { return doubled + tripled; }
};

// Publishes 2, 3, ... in `count` changes, under the same epochs; then the end.
void change(ipc::Observable<int>& source, int count);

// Follows `source` to its end, and publishes `factor` times each value.
void derive(const ipc::Observable<int>& source, ipc::Observable<int>& derived,
            int factor);

// Waits for the newest state after `shown`, and says it. Nothing if there will
// be none.
std::optional<State> show_next(const Graph& graph, uint64_t shown);

// Does that again and again, until no state will follow.
void show_all(const Graph& graph);

// The longest wait for what must come.
ipc::Deadline patience();
