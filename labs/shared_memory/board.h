// What lies in the shared memory, and how it is written and read whole.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/hooks.h"
#include "common/memory/shared_memory.h"

constexpr size_t kNumbers = 10;
using Numbers = std::array<int64_t, kNumbers>;

// A sequence lock: readers do not write, and never delay the writer.
struct Board {
  std::atomic<uint64_t> sequence{0};  // Odd while the numbers change.
  std::array<std::atomic<int64_t>, kNumbers> numbers{};
};

// All of it is zero at first, as new memory is.
template <>
inline constexpr bool ipc::kZeroesMake<Board> = true;

// Sets all numbers; stops at a point when half of them are set.
inline void fill(Board& board, int64_t number) {
  for (size_t i = 0; i < kNumbers; ++i) {
    if (i == kNumbers / 2) ipc::point("half filled");
    // Release: a reader of this number sees the odd sequence before it, too.
    board.numbers[i].store(number, std::memory_order_release);
  }
}

// For the explorer, which asks for inner points, it is two steps.
inline Numbers copy(const Board& board) {
  Numbers numbers{};
  for (size_t i = 0; i < kNumbers; ++i) {
    if (i == kNumbers / 2) ipc::inner_point("half copied");
    // Acquire: the sequence is looked at again after this, not before.
    numbers[i] = board.numbers[i].load(std::memory_order_acquire);
  }
  return numbers;
}

inline void begin_change(Board& board) {
  // Relaxed: there is one writer, and the numbers' release publishes it.
  board.sequence.fetch_add(1, std::memory_order_relaxed);
}

inline void end_change(Board& board) {
  // Release: a reader that sees the even sequence sees all numbers.
  board.sequence.fetch_add(1, std::memory_order_release);
}

// Copies the numbers; false if they were changed meanwhile.
inline bool copy_whole(const Board& board, Numbers& numbers) {
  // Acquire: pairs with end_change().
  const uint64_t before = board.sequence.load(std::memory_order_acquire);
  numbers = copy(board);
  // Relaxed: the acquire of the numbers keeps this load behind them.
  const uint64_t after = board.sequence.load(std::memory_order_relaxed);
  return before % 2 == 0 && before == after;  // [whole]
}
