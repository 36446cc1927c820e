// What the processes of the lab do; main.cc and crew.h start them.
#pragma once

#include <array>
#include <atomic>
#include <string>

#include "common/base/unique_fd.h"

extern int task_count;
extern int prefetch_count;

// The queues at the broker, and how to reach it.
struct Queues {
  std::string url;
  std::string tasks;
  std::string results;
  std::string dead;  // For tasks that were given out too often.
};

inline constexpr int kDeliveryLimit = 3;
inline constexpr int kWorkersMax = 1000;  // Including replacements.

// What the broker does not count for us; in memory that all processes share.
struct Counters {
  // Whether a worker has begun to consume.
  std::array<std::atomic<bool>, kWorkersMax> consuming{};
  std::atomic<int> begun{0};  // How often work on a task was begun.
};

// Publishes the tasks, and one more that kills every worker that takes it.
void generate(const Queues& queues);

// Works on tasks until their queue is removed. `id` is the number of the
// worker, which is part of its results.
void work(const Queues& queues, Counters& counters, int id);

// Writes a byte to `complete` when every task is done or dead, and ends at an
// empty result, which Main publishes after all others.
void collect(const Queues& queues, const Counters& counters,
             const ipc::UniqueFd& complete);
