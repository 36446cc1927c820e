// What clients do: find the server and talk to it.
#pragma once

#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

// What is wrong with an address, for Lab::option().
std::string address_problem(const std::string& text);

// A port that is ours before anybody listens at it. Whoever connects meanwhile
// is refused; a Listener may still listen there. A path cannot be reserved. If
// there is a stranger's server or file, or the address is another machine's, it
// throws: no client of ours is to talk to a stranger.
class Place {
 public:
  explicit Place(const ipc::Address& wanted);
  [[nodiscard]] const ipc::Address& address() const { return address_; }

 private:
  ipc::UniqueFd fd_;
  ipc::Address address_;
};

// Connects, and tries again while nobody listens, until the deadline; the error
// of the last attempt is thrown then. `refused` is called after the first.
ipc::Connection connect_in_time(const ipc::Address& address,
                                ipc::Deadline deadline,
                                const std::function<void()>& refused);

// Says and sends a message, and says and returns the answer.
std::string ask(ipc::Connection& server, const std::string& message);

// A client that is there before the server: says so through `refused` after its
// first attempt, goes on trying, and talks to the server that comes.
void come_early(const ipc::Address& address, ipc::Connection& refused);

// One that tries for a second, in vain.
void come_late(const ipc::Address& address);

// The guide's three clients, as processes, until they end; the last one says
// "shutdown". Client 1 may be a Python, which is not waited for. False if one
// of them has failed.
bool talk_all(const ipc::Address& address, bool with_python);
