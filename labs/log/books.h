// What became of each task in one group.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

class Books {
 public:
  explicit Books(int task_count) : tasks_(static_cast<size_t>(task_count)) {}

  // Enters that a task was done; returns how often it has been done by now.
  int enter(int task) { return ++at(task).done; }
  // Enters that it was put aside.
  void bury(int task) { at(task).is_dead = true; }

  [[nodiscard]] bool is_lost(int task) const {
    const Task& found = tasks_.at(static_cast<size_t>(task));
    return found.done == 0 && !found.is_dead;
  }

  // Every task is in one of these four numbers. One that was done although it
  // was put aside as well, by a worker that was killed then, is done.
  [[nodiscard]] std::string text() const {
    const auto count = [this](auto is_so) {
      return std::ranges::count_if(tasks_, is_so);
    };
    return fmt::format(
        "{} tasks = {} done once + {} done twice + {} dead + {} lost",
        tasks_.size(), count([](const Task& task) { return task.done == 1; }),
        count([](const Task& task) { return task.done > 1; }),
        count([](const Task& task) { return task.done == 0 && task.is_dead; }),
        count(
            [](const Task& task) { return task.done == 0 && !task.is_dead; }));
  }

 private:
  struct Task {
    int done = 0;
    bool is_dead = false;
  };

  Task& at(int task) { return tasks_.at(static_cast<size_t>(task)); }

  std::vector<Task> tasks_;
};
