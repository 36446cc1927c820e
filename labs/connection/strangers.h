// Those who mean no good, or have bad luck.
#pragma once

#include <string>

#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// A socket that is connected, and says nothing.
ipc::UniqueFd connect_silently(const ipc::Address& address);

// What each does on a connection of its own; `server` is authenticated.
void reset(ipc::Connection& server);
void half_close(ipc::Connection& server);
void die_inside_a_message(ipc::Connection& server);
void announce_too_much(ipc::Connection& server);
void read_nothing(ipc::Connection& server);

// Says anything but what it takes to be let in.
void talk_nonsense(const ipc::Address& address);

// Forwards to the server at `address` what `lured`, a client that knows the
// key, says to us. Whether we are let in so, without the key.
bool relay(ipc::Connection lured, const ipc::Address& address);
