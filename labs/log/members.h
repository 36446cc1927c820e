// The workers of a group, and whether each has its share of the partitions. It
// lies in shared memory, because the cluster tells only the worker its share.
//
// Death: a dead worker has no partition. Main calls died() for it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#include "common/sync/event.h"

class Members {
 public:
  static constexpr int kWorkersMax = 16;

  explicit Members(int worker_count) : worker_count_(worker_count) {
    for (auto& share : shares_) share = kNone;
  }

  // A worker has got `count` of `all` partitions, or has given back what it
  // had.
  void got(int worker, int count, int all) {
    all_ = all;
    share(worker) = count;
    look();
  }
  void gave_back(int worker) { share(worker) = kNone; }
  void died(int worker) {
    share(worker) = 0;
    look();
  }

  // Returns when all workers have their share, and together all partitions.
  void await_all() const { settled_.wait(); }

  std::atomic<int> begun{0};          // How often work on a task was begun.
  std::atomic<bool> has_died{false};  // Whether a task has killed its worker.

 private:
  static constexpr int kNone = -1;

  std::atomic<int>& share(int worker) {
    return shares_.at(static_cast<size_t>(worker));
  }

  // The process that stores the last share sees all the others.
  void look() {
    int sum = 0;
    for (const auto& share :
         std::span(shares_).first(static_cast<size_t>(worker_count_))) {
      if (share == kNone) return;
      sum += share;
    }
    if (sum == all_) settled_.set();
  }

  int worker_count_;
  std::atomic<int> all_{0};
  std::array<std::atomic<int>, kWorkersMax> shares_;
  ipc::Event settled_;
};
