// A place for one item, where processes wait for two different things: for an
// item, and for room.
#pragma once

#include <string>

#include "common/explore/schedule.h"
#include "common/sync/condition.h"
#include "common/sync/lock.h"

struct Place {
  explicit Place(bool has_two) : has_two_conditions(has_two) {}

  // Whether each of the two things has a condition of its own. If not, all wait
  // on `filled`.
  bool has_two_conditions;
  ipc::Lock lock;
  ipc::Condition filled;
  ipc::Condition emptied;
  int item = 0;  // 0: there is none.
  int woken = 0;
  int woken_in_vain = 0;  // How many of these went back to sleep.
};

// Two consumers that take one item each, and a producer of two. All wait before
// the first item is there. Returns "", or the reason why not all have ended.
std::string play_place(bool has_two_conditions);

// The same for the explorer, which decides the order.
std::string explore_place(ipc::Schedule& schedule, bool has_two_conditions);
