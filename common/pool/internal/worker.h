// What a worker of a Pool does from its beginning to its end; see board.h.
//
// Death: at any instruction. What the worker has done is done; its desk shows
//        the task that it was at, and the chunk's word shows which chunk it
//        had.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <functional>

#include "common/pool/internal/board.h"

namespace ipc::pool_internal {

// The tasks of a chunk that is claimed, for the function that does them: begin
// one, do it, finish it, as long as there are any. All of this is inline,
// because otherwise an empty task would cost three calls.
class Tasks {
 public:
  [[nodiscard]] bool left() const { return task_ != end_; }

  // Records that the task is begun and returns its argument, null if that is
  // the index of the task.
  const void* begin() {
    // Relaxed: the owner reads it when the process is dead, and then all that
    // the process has stored is there. The task must not begin before this
    // store, and only the compiler could reorder the two.
    begun_->store(first_number_ + task_ + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return arguments_ == nullptr ? nullptr
                                 : arguments_ + task_ * argument_bytes_;
  }
  [[nodiscard]] uint64_t index() const { return first_index_ + task_; }

  template <typename Result>
  void finish(const Result& result) {
    check_fence();
    ::memcpy(results_ + task_ * sizeof result, &result, sizeof result);
    end_as(TaskState::returned);
  }

 private:
  friend class WorkerLoop;

  void end_as(TaskState state) {
    // Release: the result is there before the state that says so.
    states_[task_++].store(state, std::memory_order_release);
  }
  // A life whose chunk was given to another worker is over, although its
  // process still runs: its result comes too late.
  void check_fence() const {
    // Relaxed: the chunk is ours as long as its word has our number.
    if (word_->load(std::memory_order_relaxed) != mine_) ::_exit(0);
  }

  uint64_t task_ = 0;  // The next one, in its batch.
  uint64_t end_ = 0;
  uint64_t first_number_ = 0;
  uint64_t first_index_ = 0;
  const std::byte* arguments_ = nullptr;
  size_t argument_bytes_ = 0;
  std::byte* results_ = nullptr;
  std::atomic<TaskState>* states_ = nullptr;
  std::atomic<uint64_t>* begun_ = nullptr;
  const std::atomic<uint64_t>* word_ = nullptr;
  uint64_t mine_ = 0;
};

// Does the tasks that are left; lets an exception of a task through.
using Call = std::function<void(Tasks& tasks)>;

// What is fixed before the fork, so that the pool and its workers know it.
struct Plan {
  Call call;
  size_t argument_bytes = 0;
  size_t result_bytes = 0;
  std::byte* memory = nullptr;  // Shared; the Board is at its beginning.
  int event_fd = -1;            // Written to wake the owner.

  [[nodiscard]] Board& board() const {
    return *reinterpret_cast<Board*>(memory);
  }
  template <typename T>
  [[nodiscard]] T* at(uint64_t offset) const {
    return reinterpret_cast<T*>(memory + offset);
  }
};

class WorkerLoop {
 public:
  WorkerLoop(const Plan& plan, int place, uint32_t life);

  // Takes and does chunks until the process is killed.
  [[noreturn]] void run();

 private:
  bool take_ticket();
  void work_at(Batch& batch);
  void take_chunk(Batch& batch, uint64_t chunk);
  void run_tasks(Batch& batch, Tasks& tasks);
  void keep_text(Batch& batch, uint64_t task, const char* text) const;
  void tell_owner(bool batch_done) const;

  const Plan& plan_;
  Board& board_;
  Desk& desk_;
  uint32_t life_;
};

}  // namespace ipc::pool_internal
