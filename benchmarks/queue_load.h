// The work that all queues are compared by: so many producers, so many
// consumers, messages of one size, room for as many bytes in each of them.
#pragma once

#include <fmt/format.h>
#include <stddef.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "common/shared.h"

namespace ipc::bench {

struct QueueLoad {
  int producers = 1;
  int consumers = 1;
  size_t size_bytes = 64;

  // 1 MiB for small messages, four of the big ones.
  [[nodiscard]] size_t slots() const {
    constexpr size_t kBytes = 1 << 20;
    return size_bytes >= kBytes ? 4 : kBytes / size_bytes;
  }
  [[nodiscard]] std::string group() const {
    return fmt::format("queue_{}to{}_{}B", producers, consumers, size_bytes);
  }
};

// Q has put(const char* bytes), get(char* bytes), both for size_bytes, and a
// constructor that takes a QueueLoad.
template <typename Q>
Figure run_queue(Placement place, const QueueLoad& load) {
  Q queue(load);
  const Shared<std::atomic<int>> producing;
  *producing = load.producers;
  std::vector<Actor> actors;
  actors.reserve(static_cast<size_t>(load.producers) +
                 static_cast<size_t>(load.consumers));
  for (int i = 0; i < load.producers; ++i) {
    actors.emplace_back([&](Lane& lane) {
      std::vector<char> bytes(load.size_bytes, 'x');
      while (lane.goes_on()) queue.put(bytes.data());
      if (--*producing > 0) return;
      bytes[0] = 'E';
      for (int k = 0; k < load.consumers; ++k) queue.put(bytes.data());
    });
  }
  for (int i = 0; i < load.consumers; ++i) {
    actors.emplace_back([&](Lane& lane) {
      std::vector<char> bytes(load.size_bytes);
      while (true) {
        queue.get(bytes.data());
        if (bytes[0] == 'E') return;
        lane.did();
      }
    });
  }
  return run(place, actors);
}

// The loads that the queues are compared by.
inline std::vector<QueueLoad> queue_loads() {
  return {{1, 1, 64},   {1, 1, 4096}, {1, 1, 1 << 20}, {3, 1, 64},
          {3, 1, 4096}, {2, 2, 64},   {2, 2, 4096}};
}

template <typename Q>
void contend_queue(const std::string& name,
                   const std::vector<Placement>& placements,
                   bool (*can)(const QueueLoad&) = nullptr) {
  for (const QueueLoad& load : queue_loads()) {
    if (can != nullptr && !can(load)) continue;
    contend(load.group(), name, placements,
            [load](Placement place) { return run_queue<Q>(place, load); });
  }
}

}  // namespace ipc::bench
