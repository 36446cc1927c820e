// The tasks of the labs that distribute work, and the books kept of them.
//
//   const ipc::Task task = ipc::make_task(3, random);
//   queue.put(ipc::to_text(task));                    // the generator
//   queue.put(ipc::to_text(ipc::process(task, 1)));   // worker 1
//   if (!books.enter(result)) ...                     // the collector
//
// A worker that takes over after a death may do a task again: each is done at
// least once. One process keeps the books, and enters each task once.
#pragma once

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ipc {

enum class TaskType { calculation, analysis, validation };

const char* describe(TaskType type);

// Trivially copyable, so that it can lie in shared memory.
struct Task {
  int id = 0;
  TaskType type = TaskType::calculation;
  int data = 0;
  int complexity = 1;

  bool operator==(const Task&) const = default;
};

struct TaskResult {
  int task_id = 0;
  int worker_id = 0;
  int data = 0;
  double processing_s = 0;

  bool operator==(const TaskResult&) const = default;
};

// A task as in the guide: data of four digits, complexity 1 to 5.
Task make_task(int id, std::mt19937& random);

// Works on it: 0.1 s for each unit of complexity, times --pace.
TaskResult process(const Task& task, int worker_id);

// One line of JSON, for a queue or a broker, and back; nothing for any other
// text.
std::string to_text(const Task& task);
std::string to_text(const TaskResult& result);
std::optional<Task> task_from(std::string_view text);
std::optional<TaskResult> result_from(std::string_view text);

// Which of the tasks 0 to `task_count` - 1 are done.
class Books {
 public:
  explicit Books(int task_count) : done_(static_cast<size_t>(task_count)) {}

  // Enters a result; false if this task was done before. Throws
  // std::out_of_range if there is no such task.
  [[nodiscard]] bool enter(const TaskResult& result);

  // Whether this task is done; false if there is no such task.
  [[nodiscard]] bool has(int task_id) const {
    const auto index = static_cast<size_t>(task_id);
    return index < done_.size() && done_[index];
  }
  [[nodiscard]] int done() const { return done_count_; }
  [[nodiscard]] int repeated() const { return repeated_count_; }
  // In all results that were entered; this is not the time that has passed,
  // since workers work at the same time.
  [[nodiscard]] double processing_s() const { return processing_s_; }

 private:
  std::vector<bool> done_;
  int done_count_ = 0;
  int repeated_count_ = 0;
  double processing_s_ = 0;
};

}  // namespace ipc
