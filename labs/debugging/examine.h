// Finds out what a process does, and what is wrong with it.
#pragma once

#include <string>

#include "common/channel/connection.h"

inline constexpr const char* kBusy = "uses the processor, and gets nowhere";

// Starts a process that runs `be`, asks it questions, and looks at it before
// and after. Prints what it has found, and returns it: "is well", for example.
std::string examine(const char* name, void (*be)(ipc::Connection&),
                    int questions);
