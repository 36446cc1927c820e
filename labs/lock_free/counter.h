// A number that several processes increment by compare-and-swap.
#pragma once

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/report/report.h"

struct Counter {
  std::atomic<int> value{0};
  std::atomic<int> retries{0};

  [[nodiscard]] std::string text() const {
    return std::to_string(value) + ", retries " + std::to_string(retries);
  }
};

// All relaxed: the counter says nothing about other memory.
inline void increment(Counter& counter, bool narrated) {
  int seen = counter.value.load(std::memory_order_relaxed);
  if (narrated) ipc::say("Loaded {}", seen);
  ipc::point("before the swap");
  // If it fails, `seen` is what the value is by now.
  while (!counter.value.compare_exchange_strong(  // [swap]
      seen, seen + 1, std::memory_order_relaxed)) {
    counter.retries.fetch_add(1, std::memory_order_relaxed);
    if (narrated) ipc::say("Too late, it is {} by now: trying again", seen);
    ipc::point("before the swap");
  }
  if (narrated) ipc::say("Swapped {} for {}", seen, seen + 1);
}
