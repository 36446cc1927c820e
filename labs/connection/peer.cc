#include "labs/connection/peer.h"

#include <string>
#include <system_error>

#include "common/base/clock.h"
#include "common/report/report.h"

namespace {

using ipc::Deadline;
using ipc::Transfer;

constexpr size_t kUnsentMax = 1 << 20;  // A peer that reads nothing must go.

Wish answer(Peer& peer, const std::string& message) {
  if (message == "close") {
    ipc::say("Closing connection {}", peer.number);
    return Wish::leave;
  }
  if (message == "shutdown") {
    ipc::say("Shutting down");
    return Wish::shut_down;
  }
  ipc::say("Received '{:.60}', echoing back", message);
  peer.connection.queue("Echo: " + message);  // [queue]
  return Wish::stay;
}

}  // namespace

Wish serve(Peer& peer) try {
  auto& connection = peer.connection;
  const auto message = connection.receive_until(Deadline::at_ns(0));  // [now]
  if (message.status == Transfer::closed) {
    ipc::say("Connection {} ended", peer.number);
    return Wish::leave;
  }
  if (message.status == Transfer::truncated) {
    ipc::say("Connection {} ended inside a message", peer.number);
    return Wish::leave;
  }
  const Wish wish = message ? answer(peer, *message) : Wish::stay;
  if (wish != Wish::stay) return wish;
  const Transfer sent = connection.flush_until(Deadline::at_ns(0));
  const bool is_well =
      sent != Transfer::closed && connection.unsent() <= kUnsentMax;
  return is_well ? Wish::stay : Wish::leave;
} catch (const std::system_error& error) {
  ipc::say("Connection {} closed: {}", peer.number, error.what());
  return Wish::leave;
}
