// Wrong: the reader checks that the sequence is even before and after, but not
// that it is the same. A whole write may have come between.

#include "projects/seqlock_reader/seqlock.h"

void write(Board& board, const Numbers& numbers) {
  const int before = board.sequence.load(std::memory_order_relaxed);
  board.sequence.store(before + 1, std::memory_order_relaxed);
  // A reader that sees one of the new numbers also sees the odd sequence.
  fence(std::memory_order_release);
  for (size_t i = 0; i < kNumbers; ++i) {
    board.numbers[i].store(numbers[i], std::memory_order_relaxed);
  }
  // A reader that sees the even sequence sees all numbers.
  board.sequence.store(before + 2, std::memory_order_release);
}

std::optional<Numbers> try_read(const Board& board) {
  const int before = board.sequence.load(std::memory_order_acquire);
  if (before % 2 != 0) return {};
  Numbers numbers{};
  for (size_t i = 0; i < kNumbers; ++i) {
    numbers[i] = board.numbers[i].load(std::memory_order_relaxed);
  }
  // The second look at the sequence comes after the numbers, not before them.
  fence(std::memory_order_acquire);
  if (board.sequence.load(std::memory_order_relaxed) % 2 != 0) return {};
  return numbers;
}
