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

// What get() throws for a task that has not returned a result.
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

// The worker of the task has died, or was killed because the task took too
// long.
class WorkerDied : public TaskFailed {
 public:
  explicit WorkerDied(const FinishedTask& task)
      : TaskFailed(task), status_(task.status) {}
  // As from Process::join(): the negative number of the signal, or an exit
  // status.
  [[nodiscard]] int status() const { return status_; }
  // The signal that killed the worker, 0 if it was not a signal.
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
  // Why the task has not returned: "its worker died: killed by SIGKILL".
  [[nodiscard]] const std::string& text() const { return task_.text; }
  explicit operator bool() const { return task_.end == TaskEnd::returned; }
  // The result; throws TaskFailed if there is none. Never waits.
  [[nodiscard]] const Result& get() const {
    if (!*this) throw_task_failed(task_);
    return result_;
  }

 private:
  FinishedTask task_;
  Result result_{};
};

// The tasks of one call of start(). The destructor does not wait: it cancels
// the tasks that were not begun, and the results of those in work are thrown
// away.
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

  // Waits for the outcome of a task that has ended, and returns each once, in
  // the order in which chunks are done; nothing when all were returned, or at
  // the deadline. try_next() does not wait.
  std::optional<Outcome<Result>> next() {
    return next_until(Deadline::never());
  }
  std::optional<Outcome<Result>> try_next() {
    return next_until(Deadline::at_ns(0));
  }
  std::optional<Outcome<Result>> next_until(Deadline deadline) {
    return outcome(core_->next_until(id_, deadline));
  }
  // The same for what Pool::look() has found already, without another look: for
  // event loops. A look clears the descriptor of the pool, so an event loop
  // would not learn of what next() found then for other batches.
  std::optional<Outcome<Result>> next_seen() {
    return outcome(core_->next_seen(id_));
  }
  // How many outcomes were not returned yet.
  [[nodiscard]] size_t left() const { return core_->left(id_); }

  // Waits until all tasks have ended; false at the deadline.
  [[nodiscard]] bool done_until(Deadline deadline) {
    return core_->done_until(id_, deadline);
  }
  // Waits until all tasks have ended: what became of each, in the order of the
  // arguments.
  std::vector<Outcome<Result>> outcomes() {
    (void)done_until(Deadline::never());
    std::vector<Outcome<Result>> all;
    for (size_t task = 0; task < core_->count(id_); ++task) {
      all.emplace_back(core_->finished(id_, task));
    }
    return all;
  }
  // Waits for all results, in the order of the arguments. Throws TaskFailed for
  // the first task that has none.
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

  // From here on no chunk is begun, and no task is done again. Tasks that were
  // not begun end as cancelled; a chunk in work is finished.
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
  // Waits for the result; throws TaskFailed if there is none. May be repeated.
  Result get() { return batch_.get().front(); }
  void cancel() { batch_.cancel(); }

 private:
  Batch<Result> batch_;
};

}  // namespace ipc
