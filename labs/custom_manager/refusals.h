// How a client finds the counter, and what it may not do.
#pragma once

#include <functional>
#include <string>

#include "common/manager/manager.h"
#include "common/manager/proxy.h"

// Does what a client on any machine can do: it needs only address and key.
// Throws ipc::ManagerGone if the server cannot be reached or refuses the key.
ipc::Proxy find_counter(const ipc::ManagerAddress& server);

// Calls `attempt`, which the server must refuse, and prints `what` with the
// error; or "accepted" if it was not refused.
void expect_refusal(const std::string& what,
                    const std::function<void()>& attempt);

// Calls what was not registered, passes a wrong argument, and uses another key.
void try_what_is_refused(const ipc::ManagerAddress& server);
