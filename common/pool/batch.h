// What a Pool gives back: batches, futures, and what became of each task.
//
// See pool.h, which includes this.
#pragma once

#include <stddef.h>
#include <string.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/pool/internal/core.h"
#include "common/pool/task.h"

namespace ipc {

// What get() throws for a task that has not returned.
class TaskFailed : public std::runtime_error {
 public:
  explicit TaskFailed(const FinishedTask& task)
      : std::runtime_error("task " + std::to_string(task.task) + ": " +
                           task.text),
        task_(task.task),
        end_(task.end) {}
  [[nodiscard]] size_t task() const { return task_; }
  [[nodiscard]] TaskEnd end() const { return end_; }

 private:
  size_t task_;
  TaskEnd end_;
};

// Its worker has died, or was killed for being too late.
class WorkerDied : public TaskFailed {
 public:
  explicit WorkerDied(const FinishedTask& task)
      : TaskFailed(task), status_(task.status) {}
  // As Process::join(): the negative number of the signal, or an exit status.
  [[nodiscard]] int status() const { return status_; }
  // The signal that ended it, 0 if it was none.
  [[nodiscard]] int signal() const { return status_ < 0 ? -status_ : 0; }

 private:
  int status_;
};

[[noreturn]] void throw_task_failed(const FinishedTask& task);

// What became of one task.
template <typename Result>
class Outcome {
 public:
  explicit Outcome(FinishedTask task) : task_(std::move(task)) {
    if (task_.end == TaskEnd::returned) {
      ::memcpy(&result_, task_.result, sizeof result_);
    }
    task_.result = nullptr;
  }
  [[nodiscard]] size_t task() const { return task_.task; }
  [[nodiscard]] TaskEnd end() const { return task_.end; }
  // Why it has not returned: "its worker died: killed by SIGKILL".
  [[nodiscard]] const std::string& text() const { return task_.text; }
  explicit operator bool() const { return task_.end == TaskEnd::returned; }
  // The result, or TaskFailed is thrown.
  [[nodiscard]] const Result& get() const {
    if (!*this) throw_task_failed(task_);
    return result_;
  }

 private:
  FinishedTask task_;
  Result result_{};
};

// The tasks of one call of start(). The destructor cancels those that were not
// begun; what of those in work comes later is thrown away.
template <typename Result>
class Batch {
 public:
  Batch(PoolCore& core, PoolCore::BatchId id) : core_(&core), id_(id) {}
  Batch(Batch&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)), id_(other.id_) {}
  Batch& operator=(Batch&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(id_, other.id_);
    return *this;
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    if (core_ != nullptr) core_->drop(id_);
  }

  // The outcome of a task that has ended, each once, in no certain order;
  // nothing when all were returned, or at the deadline.
  std::optional<Outcome<Result>> next() {
    return next_until(Deadline::never());
  }
  std::optional<Outcome<Result>> try_next() {
    return next_until(Deadline::at_ns(0));
  }
  std::optional<Outcome<Result>> next_until(Deadline deadline) {
    return outcome(core_->next_until(id_, deadline));
  }
  // One that Pool::look() has found already, for event loops: what this batch
  // would find by a look of its own, the others would never be told of.
  std::optional<Outcome<Result>> next_seen() {
    return outcome(core_->next_seen(id_));
  }
  // Tasks whose outcome was not yet returned.
  [[nodiscard]] size_t left() const { return core_->left(id_); }

  // Whether all have ended before the deadline.
  [[nodiscard]] bool done_until(Deadline deadline) {
    return core_->done_until(id_, deadline);
  }
  // What became of every task, in the order of the arguments, when all have
  // ended.
  std::vector<Outcome<Result>> outcomes() {
    (void)done_until(Deadline::never());
    std::vector<Outcome<Result>> all;
    for (size_t task = 0; task < core_->count(id_); ++task) {
      all.emplace_back(core_->finished(id_, task));
    }
    return all;
  }
  // All results in the order of the arguments; TaskFailed for the first task
  // that has none.
  std::vector<Result> get() {
    (void)done_until(Deadline::never());
    if (const auto failed = core_->first_failure(id_)) {
      throw_task_failed(*failed);
    }
    std::vector<Result> all(core_->count(id_));
    if (!all.empty()) {
      ::memcpy(all.data(), core_->results(id_), all.size() * sizeof(Result));
    }
    return all;
  }

  // From here on none is begun: neither a chunk, nor one again. Those that
  // were not begun end as cancelled.
  void cancel() { core_->cancel(id_); }

 private:
  static std::optional<Outcome<Result>> outcome(
      std::optional<FinishedTask> task) {
    if (!task) return std::nullopt;
    return Outcome<Result>(std::move(*task));
  }

  PoolCore* core_;
  PoolCore::BatchId id_;
};

// The result of one task that was submitted.
template <typename Result>
class Future {
 public:
  explicit Future(Batch<Result> batch) : batch_(std::move(batch)) {}

  [[nodiscard]] bool ready() { return ready_until(Deadline::at_ns(0)); }
  [[nodiscard]] bool ready_until(Deadline deadline) {
    return batch_.done_until(deadline);
  }
  // Waits for it: the result, or TaskFailed is thrown. May be repeated.
  Result get() { return batch_.get().front(); }
  void cancel() { batch_.cancel(); }

 private:
  Batch<Result> batch_;
};

}  // namespace ipc
