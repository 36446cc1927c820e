// What the explorer plays in every order.
#pragma once

#include <string>

#include "common/explore/schedule.h"

// Two users join a room that does not exist yet, and each waits until both are
// in. The outcome says which user was first.
std::string two_join(ipc::Schedule& schedule);
