// The board on which workers claim tasks, in memory that all processes share.
//
//   open --claim--> claimed by <pid> --acknowledge--> done
//     ^                 |
//     `---- put_back ---'   after the death of <pid>
//
// Death: each step is one change of one word, so it has been taken or it has
//        not. A dead worker's claim says which task it had.
//
// Ordering: all loads and stores of the states have one order (seq_cst).
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <span>

#include "common/base/check.h"
#include "labs/task_distribution/task.h"

class Board {
 public:
  static constexpr int kTasksMax = 1000;

  explicit Board(int task_count) : task_count_(task_count) {
    IPC_CHECK(task_count <= kTasksMax);
  }

  // By the generator. The task is written before its state is open, so a worker
  // that finds it open also finds what it is.
  void post(const ipc::Task& task) {
    at(task.id).task = task;
    at(task.id).state = kOpen;
  }

  // False if it is done, or another worker's. Of two workers that try it at
  // once one gets it, because compare-and-exchange is one step.
  [[nodiscard]] bool claim(int id) {
    int expected = kOpen;
    return at(id).state.compare_exchange_strong(expected, ::getpid());
  }

  void acknowledge(int id) { at(id).state = kDone; }

  // Of two workers that acknowledge at once and then look, one at least finds
  // all done, because of that one order.
  [[nodiscard]] bool all_done() {
    return std::ranges::all_of(
        slots(), [](const Slot& slot) { return slot.state == kDone; });
  }

  // Opens again what a dead worker has claimed, and calls `claimed(task)` for
  // it; then `open(task)` for each task that is open.
  void put_back(pid_t dead, auto claimed, auto open) {
    for (Slot& slot : slots()) {
      int expected = dead;
      if (slot.state.compare_exchange_strong(expected, kOpen)) {
        claimed(slot.task);
      }
      if (slot.state == kOpen) open(slot.task);
    }
  }

  std::atomic<int> begun{0};  // How often work on a task was begun.
  std::array<std::atomic<bool>, 3> fates_met{};  // See Fate in roles.cc.

 private:
  // Above these: claimed; it is the number of the process that claimed it.
  static constexpr int kUnknown = 0;
  static constexpr int kOpen = -1;
  static constexpr int kDone = -2;

  struct Slot {
    std::atomic<int> state{kUnknown};
    ipc::Task task;
  };

  Slot& at(int id) { return slots_.at(static_cast<size_t>(id)); }
  std::span<Slot> slots() {
    return std::span(slots_).first(static_cast<size_t>(task_count_));
  }

  int task_count_;
  std::array<Slot, kTasksMax> slots_;
};
