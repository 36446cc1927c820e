// What clients do: find the server and talk to it.
#pragma once

#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// Returns what is wrong with an address, or "", for Lab::option().
std::string address_problem(const std::string& text);

// Reserves a port before a process listens at it: until then a client that
// connects is refused, and a Listener may still listen there. A path cannot be
// reserved. Throws std::system_error if the port or path is in use, or if the
// address is another machine's: no client of ours is to talk to a stranger.
class Place {
 public:
  explicit Place(const ipc::Address& wanted);
  [[nodiscard]] const ipc::Address& address() const { return address_; }

 private:
  ipc::UniqueFd fd_;
  ipc::Address address_;
};

// Connects, and tries again while no process listens, until the deadline; then
// it throws the error of the last attempt. Calls `refused` after the first
// attempt that was refused. Throws any other error at once.
ipc::Connection connect_in_time(const ipc::Address& address,
                                ipc::Deadline deadline,
                                const std::function<void()>& refused);

// Sends a message, waits for the answer and returns it. Prints both.
std::string ask(ipc::Connection& server, const std::string& message);

// A client that comes before the server. It sends a message through `refused`
// after its first attempt, keeps trying, and then talks to the server.
void come_early(const ipc::Address& address, ipc::Connection& refused);

// A client that tries for a second, in vain.
void come_late(const ipc::Address& address);

// Runs the guide's three clients as processes, until they end; the last one
// says "shutdown". Client 1 may be a Python program, which runs before the
// others. Returns false if one of them has failed.
bool talk_all(const ipc::Address& address, bool with_python);
