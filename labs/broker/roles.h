// What the processes of the lab do; which of them there are, main.cc says.
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
  std::string dead;  // Where a task goes that was given out too often.
};

inline constexpr int kDeliveryLimit = 3;
inline constexpr int kWorkersMax =
    1000;  // Those in place of dead ones as well.

// What the broker does not count for us. In memory that all processes share.
struct Counters {
  // Whether a worker has begun to consume.
  std::array<std::atomic<bool>, kWorkersMax> consuming{};
  std::atomic<int> begun{0};  // How often work on a task was begun.
};

// Publishes the tasks, and one more that kills whoever works on it.
void generate(const Queues& queues);

// `id` is the number of the worker, which its results bear.
void work(const Queues& queues, Counters& counters, int id);

// Writes a byte to `complete` when every task is done or dead, and ends at a
// result that is empty: whoever publishes it knows that it is the last.
void collect(const Queues& queues, const Counters& counters,
             const ipc::UniqueFd& complete);
