// Finds out what a process does, and what ails it.
#pragma once

#include <string>

#include "common/channel/connection.h"

inline constexpr const char* kBusy = "uses the processor, and gets nowhere";

// Asks a process that runs `be`, looks at it before and after, and says what it
// has found.
std::string examine(const char* name, void (*be)(ipc::Connection&),
                    int questions);
