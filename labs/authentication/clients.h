// Clients that may come in, and others.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// What both sides know, and how they prove it. With an empty key neither side
// has to prove anything.
struct Secret {
  std::string key = {};
  ipc::Protocol protocol = ipc::Protocol::ours;
};

// A key that cannot be guessed; with the protocol of Python's older versions,
// if one of the clients is a Python program.
Secret draw_secret(bool with_python);

// Connects, proves that it knows the key, and has a message echoed; or says why
// it was refused.
void knock(const ipc::Address& address, const Secret& secret);

// Does the same in Python: this process becomes the interpreter, and does not
// return. Throws if there is no /usr/bin/python3.
void knock_in_python(const ipc::Address& address, const Secret& secret);

// Tells the server to stop.
void stop(const ipc::Address& address, const Secret& secret);

// Returns a socket that is connected, and sends nothing.
ipc::UniqueFd connect_silently(const ipc::Address& address);

// Sends bytes that are not a proof, and waits until the server hangs up.
void talk_nonsense(const ipc::Address& address);

// Forwards to the server at `address` what `lured`, a client that knows the
// key, says to us. Returns whether this lets us in, without the key.
bool relay(ipc::Connection lured, const ipc::Address& address);

// Tells the server our name, and `pid` as the number of our process.
void say_who_i_am(const ipc::Address& address, pid_t pid);
