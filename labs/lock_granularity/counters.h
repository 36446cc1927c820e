// Counters in shared memory, and three ways to guard them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <array>
#include <atomic>

#include "common/sync/robust_mutex.h"

inline constexpr size_t kCounters = 64;
inline constexpr int kMaxWorkers = 16;

enum class Way {
  one_lock,    // Every worker holds the same lock when it counts.
  lock_each,   // A worker holds the lock of the counter it changes.
  own_counts,  // Each worker has its own counts, and adds them at the end.
};

// An ipc::Lock that writes nothing to the event log: that would cost more than
// all that is measured here.
struct UntoldLock : ipc::RobustMutex {
  UntoldLock() : RobustMutex(Kind::internal) {}
};

// Each has a cache line of its own: sharing one is a kind of waiting, too.
struct alignas(64) Counter {
  UntoldLock lock;
  int64_t value = 0;
};

struct Board {
  UntoldLock lock;
  std::array<Counter, kCounters> counters;
  // How often a lock was taken, and how often another process held it then.
  // Relaxed: they say nothing about other memory, and are read when all have
  // ended.
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> waits{0};
};

// Counts once, with a point while the lock is held.
void count_once(Board& board, size_t index, Way way);

// The result of many updates by several workers, which count_many() forks.
// Errors: std::runtime_error if a worker fails.
struct Result {
  int64_t total = 0;
  int64_t calls = 0;
  int64_t waits = 0;
  double seconds = 0;  // From the first start to the last end of counting.
};
Result count_many(Way way, int workers, int updates);

// Adds up all counters as they are at one moment.
int64_t total_at_once(Board& board, Way way);
