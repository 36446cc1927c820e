// What the processes of the lab do; main.cc says which of them there are.
#pragma once

#include <string>
#include <string_view>

#include "members.h"

extern int task_count;

// Where the topics are, and what they are called.
struct Log {
  std::string servers;  // "host:port", with commas between them.
  std::string name;     // What all names of this run begin with.
  bool is_mock = true;

  [[nodiscard]] std::string tasks() const { return name + "-tasks"; }
  [[nodiscard]] std::string results() const { return name + "-results"; }
  // Where a task goes that could not be done.
  [[nodiscard]] std::string dead() const { return name + "-dead"; }
};

// A group of workers that share the tasks, and which step they take first.
struct Group {
  const char* name;
  const char* title;  // Of its workers.
  bool commits_first;
};
inline constexpr Group kGroups[] = {{"after", "After", false},
                                    {"before", "Before", true}};

inline constexpr int kTriesMax = 3;  // Then a task is dead.

// The members of the two groups.
struct Groups {
  explicit Groups(int worker_count)
      : after(worker_count), before(worker_count) {}

  Members& of(const Group& group) {
    return std::string_view(group.name) == "after" ? after : before;
  }

  Members after;
  Members before;
};

// Waits until both groups have the partitions. Then it sends the tasks, each
// with its customer as key, and a mark for their end.
void generate(const Log& log, const Groups& groups);

// Does tasks until SIGTERM, as number `id` of the members.
void work(const Log& log, const Group& group, Members& members, int id);

// Keeps the books of both groups. At the end it does the lost tasks itself.
void collect(const Log& log, const Groups& groups);
