// Clients that mean no good, or have bad luck.
#pragma once

#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// A socket that is connected, and says nothing.
ipc::UniqueFd connect_silently(const ipc::Address& address);

// One after the other comes to the server, while we stay connected and have a
// message answered after each; then we say "shutdown". False if one was not.
bool outlive_strangers(const ipc::Address& address);

// What each does on a connection of its own.
void reset(ipc::Connection& server);
void half_close(ipc::Connection& server);
void die_inside_a_message(ipc::Connection& server);
void announce_too_much(ipc::Connection& server);
void read_nothing(ipc::Connection& server);
