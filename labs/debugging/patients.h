// Processes that answer questions. Each but the first has something wrong.
#pragma once

#include "common/channel/connection.h"

// Each answers a first question. Then it:
void be_healthy(ipc::Connection& asker);  // keeps answering,
void be_leaker(ipc::Connection& asker);   // forgets to close a file each time,
void be_hog(ipc::Connection& asker);      // keeps memory each time,
void be_spinner(ipc::Connection& asker);  // computes forever,
void be_waiter(ipc::Connection& asker);   // waits for data that never come.

inline constexpr int kHogBytes = 2 << 20;
