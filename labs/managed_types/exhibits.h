// The twelve types that a manager has, each with two processes that use one
// object of it. What comes out needs both of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/manager/manager.h"

struct Exhibit {
  std::string type;
  std::function<void()> first;          // What Worker 0 does with the object,
  std::function<void()> second;         // what Worker 1 does at the same time,
  std::function<std::string()> result;  // and what has come of it.
};

std::vector<Exhibit> make_exhibits(const ipc::Manager& manager);
