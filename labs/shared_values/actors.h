// What is shared, and what the incrementers and the monitor do with it.
#pragma once

#include <fmt/ranges.h>

#include <atomic>
#include <optional>
#include <vector>

#include "common/base/hooks.h"
#include "common/report/report.h"
#include "common/sync/lock.h"
#include "common/sync/value.h"

struct Board {
  ipc::Value<int> counter{0};
  ipc::Array<int> array{0, 0, 0, 0, 0};
};

// How an actor treats the array. The counter is always locked.
enum class ArrayLock { none, held };

inline const char* note(ArrayLock lock) {
  return lock == ArrayLock::held ? "" : " (without lock)";
}

// One round: the counter, and then each item of the array.
inline void increment(const Board& board, ArrayLock lock) {
  {
    const ipc::Guard guard(board.counter.get_lock());  // [counter]
    int& counter = board.counter.value();
    const int seen = counter;
    ipc::inner_point("counter: after load");
    counter = seen + 1;
  }
  std::optional<ipc::Guard> guard;
  if (lock == ArrayLock::held) guard.emplace(board.array.get_lock());
  for (int& number : board.array.span()) {
    // Atomic, so that each load and each store is whole; they are still two.
    const std::atomic_ref<int> item(number);  // [item]
    const int seen = item.load(std::memory_order_relaxed);
    ipc::point("after load");
    item.store(seen + 1, std::memory_order_relaxed);
  }
}

// The array at one moment if it is locked, else item by item.
inline std::vector<int> snapshot(const ipc::Array<int>& array, ArrayLock lock) {
  if (lock == ArrayLock::held) return array.snapshot();  // [snapshot]
  std::vector<int> numbers;
  for (int& number : array.span()) {
    // Relaxed: the items are not published, they are only looked at.
    const std::atomic_ref<int> item(number);
    numbers.push_back(item.load(std::memory_order_relaxed));
  }
  return numbers;
}

inline int count(const ipc::Value<int>& counter) {
  const ipc::Guard guard(counter.get_lock());
  return counter.value();
}

// Returns what it has seen of the array.
inline std::vector<int> monitor(const Board& board, ArrayLock lock) {
  const int now = count(board.counter);
  std::vector<int> numbers = snapshot(board.array, lock);
  ipc::say("Current count: {}, Array: {}{}", now, numbers, note(lock));
  return numbers;
}
