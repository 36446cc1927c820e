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

// A number in shared memory. In the explorer each access is a separate step,
// and the test sees its memory order.
class Word {
 public:
  Word() = default;
  [[nodiscard]] int load(std::memory_order order) const;
  void store(int value, std::memory_order order);

  // Its name in a schedule.
  const char* name = "";

 private:
  std::atomic<int> value_{0};
};

// Does std::atomic_thread_fence(); the test sees this call as well.
void fence(std::memory_order order);

struct Board {
  Board();
  Word sequence;
  std::array<Word, kNumbers> numbers;
};

// Sets all numbers. There is only one writer. It never waits for a reader, and
// may be killed at any step.
void write(Board& board, const Numbers& numbers);

// Copies all numbers, once. Returns nothing if they may have changed meanwhile.
// It does not write to the board, and does not try again: its caller does that.
std::optional<Numbers> try_read(const Board& board);
