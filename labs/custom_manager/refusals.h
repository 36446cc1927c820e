// How a client finds the counter, and what it may not do.
#pragma once

#include <functional>
#include <string>

#include "common/manager/manager.h"
#include "common/manager/proxy.h"

// What a client on any machine does: it has nothing but address and key.
ipc::Proxy find_counter(const ipc::ManagerAddress& server);

// Does what must be refused, and says why it was.
void expect_refusal(const std::string& what,
                    const std::function<void()>& attempt);

void try_what_is_refused(const ipc::ManagerAddress& server);
