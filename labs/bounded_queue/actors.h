// What the producer and the consumer of act 2 do.
#pragma once

#include <string>

#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

inline void produce(ipc::Queue& queue, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string item = "Item " + std::to_string(i);
    ipc::ensure(queue.put(item));  // [put] Waits for room.
    ipc::point("has put");
    ipc::say("Added {}", item);
  }
}

// Returns what it has got.
inline std::string consume(ipc::Queue& queue) {
  constexpr double kWorkS = 0.3;
  std::string all;
  while (true) {
    ipc::say("Ready for the next item");
    const auto item = queue.get();
    if (!item) break;  // [closed]
    ipc::say("Got: {}", *item);
    all += (all.empty() ? "" : ", ") + *item;
    ipc::point("has got");
    ipc::pause_s(kWorkS);
  }
  ipc::say("Queue is closed, and nothing is left in it");
  return all;
}
