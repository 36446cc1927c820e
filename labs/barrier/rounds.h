// The numbers of the workers, and their rounds.
#pragma once

#include <stddef.h>

#include <array>
#include <numeric>

#include "common/sync/barrier.h"

inline constexpr size_t kWorkersMax = 20;

struct Board {
  explicit Board(int parties) : barrier(parties) {
    std::iota(rows[0].begin(), rows[0].end(), 1);
  }

  ipc::Barrier barrier;
  int complete_rounds = 0;
  // The numbers of the last round and of this one, in turn. They need not be
  // atomic: what a worker writes in a round, no other worker reads in it.
  std::array<std::array<int, kWorkersMax>, 2> rows{};
};

// What a worker does from its first to its last round, unless the barrier
// breaks.
void work_rounds(Board& board, size_t number, int first, int last);
