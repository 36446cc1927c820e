// The list, and what the processes do with it.
#pragma once

#include <stddef.h>

#include <array>

#include "common/base/clock.h"
#include "common/sync/condition.h"
#include "common/sync/lock.h"

inline constexpr size_t kItemsMax = 100;

struct Board {
  explicit Board(int count) : consumers(count) {}

  int consumers;  // How many there will be.
  ipc::Lock lock;
  ipc::Condition changed;  // Notified after each change of what is below.
  std::array<int, kItemsMax> items{};
  size_t added = 0;  // The list is what has been added and not yet taken.
  size_t taken = 0;
  int waiting = 0;
  bool stopped = false;
};

// Waits for an item, for the news that none will come, or for the deadline.
void consume(Board& board, ipc::Deadline deadline);

// Waits until all consumers wait, and adds this many items; or is killed, with
// the lock held, before the first of them is in the list.
void produce(Board& board, int items, bool is_killed);

// Tells the consumers that no more items will come.
void stop(Board& board);
