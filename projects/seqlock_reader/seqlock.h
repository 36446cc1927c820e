// What the reader and the writer of the project seqlock_reader share.
//
// Your source defines write() and try_read(). The rest of the program is in
// main.cc: it explores every order of their accesses, and lets them race.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>

constexpr size_t kNumbers = 3;
using Numbers = std::array<int, kNumbers>;

// A number in shared memory. Each access is a step of its own in the explorer,
// and the test sees its memory order.
class Word {
 public:
  Word() = default;
  [[nodiscard]] int load(std::memory_order order) const;
  void store(int value, std::memory_order order);

  // What it is called in a schedule.
  const char* name = "";

 private:
  std::atomic<int> value_{0};
};

// std::atomic_thread_fence(), seen by the test as well.
void fence(std::memory_order order);

struct Board {
  Board();
  Word sequence;
  std::array<Word, kNumbers> numbers;
};

// Sets all numbers. There is only one writer. It never waits for a reader, and
// may be killed at any step.
void write(Board& board, const Numbers& numbers);

// Copies all numbers, once: nothing if they may have changed meanwhile. It does
// not write, and does not try again: whoever calls it does.
std::optional<Numbers> try_read(const Board& board);
