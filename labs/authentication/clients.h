// Clients that may come in, and others.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// What both sides know, and how they prove it. No key: nobody proves anything.
struct Secret {
  std::string key = {};
  ipc::Protocol protocol = ipc::Protocol::ours;
};

// A key that nobody can guess; with the protocol of Python's older versions, if
// one of the clients is a Python.
Secret draw_secret(bool with_python);

// Connects, proves that it knows the key, and has a message echoed; or says why
// it was refused.
void knock(const ipc::Address& address, const Secret& secret);

// The same by a Python, which this process becomes.
void knock_in_python(const ipc::Address& address, const Secret& secret);

// Has the server stop.
void stop(const ipc::Address& address, const Secret& secret);

// A socket that is connected, and says nothing.
ipc::UniqueFd connect_silently(const ipc::Address& address);

// Says anything but what it takes to be let in.
void talk_nonsense(const ipc::Address& address);

// Forwards to the server at `address` what `lured`, a client that knows the
// key, says to us. Whether we are let in this way, without the key.
bool relay(ipc::Connection lured, const ipc::Address& address);

// Tells the server our name, and `pid` as the number of our process.
void say_who_i_am(const ipc::Address& address, pid_t pid);
