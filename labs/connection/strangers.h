// Clients that mean no good, or have bad luck.
#pragma once

#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// Returns a socket that is connected, and sends nothing.
ipc::UniqueFd connect_silently(const ipc::Address& address);

// The strangers come to the server one after the other, while we stay connected
// and send a message after each; then we say "shutdown". Returns false if one
// of our messages was not answered.
bool outlive_strangers(const ipc::Address& address);

// What each does on a connection of its own.
void reset(ipc::Connection& server);
void half_close(ipc::Connection& server);
void die_inside_a_message(ipc::Connection& server);
void announce_too_much(ipc::Connection& server);
void read_nothing(ipc::Connection& server);
