// A writer and a reader of numbers in shared memory, without a lock. The reader
// does not write. See README.md, and seqlock.h for what you can use.

#include "projects/seqlock_reader/seqlock.h"

void write(Board& board, const Numbers& numbers) {
  // TODO: let readers see that the numbers change, and when they have changed.
  for (size_t i = 0; i < kNumbers; ++i) {
    board.numbers[i].store(numbers[i], std::memory_order_relaxed);
  }
}

std::optional<Numbers> try_read(const Board& board) {
  // TODO: return nothing if the numbers may have changed while you copied them.
  Numbers numbers{};
  for (size_t i = 0; i < kNumbers; ++i) {
    numbers[i] = board.numbers[i].load(std::memory_order_relaxed);
  }
  return numbers;
}
