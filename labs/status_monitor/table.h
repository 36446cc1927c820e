// The table of all servers: its one owner, and how others ask it for changes.
#pragma once

#include <map>
#include <string>

#include "common/channel/queue.h"
#include "labs/status_monitor/check.h"

struct Change {
  enum class Kind : char { add = 'a', check = 'c', remove = 'r', report = 'p' };

  Kind kind = Kind::check;
  std::string name;
  Answer answer = {};
};

std::string encode(const Change& change);
Change decode(const std::string& bytes);

// Keeps the table until the queue is closed. Throws std::runtime_error if a
// server is not as `expected` (one that is not in it may have any status), or
// if a report comes for one that was not added, or was removed.
void report(ipc::Queue& changes,
            const std::map<std::string, std::string>& expected);
