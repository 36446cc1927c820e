// Processes that answer questions, and what ails them.
#pragma once

#include "common/channel/connection.h"

// Each answers a first question. Then:
void be_healthy(ipc::Connection& asker);  // goes on like that,
void be_leaker(ipc::Connection& asker);   // forgets to close a file each time,
void be_hog(ipc::Connection& asker);      // keeps memory each time,
void be_spinner(ipc::Connection& asker);  // looks for something for ever,
void be_waiter(ipc::Connection& asker);   // waits for somebody who never comes.

inline constexpr int kHogBytes = 2 << 20;
