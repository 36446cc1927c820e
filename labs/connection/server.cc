#include "labs/connection/server.h"

#include <errno.h>
#include <poll.h>

#include <list>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/report/report.h"

namespace {

using ipc::Deadline;
using ipc::Transfer;

constexpr double kGraceS = 5;           // For the others, after "shutdown".
constexpr size_t kUnsentMax = 1 << 20;  // Who reads nothing is not kept.

struct Peer {
  ipc::Connection connection;
  int number;
};

class Server {
 public:
  explicit Server(ipc::Listener& listener) : listener_(listener) {}

  void run() {
    while (listening_ || !peers_.empty()) {
      if (!wait()) return;
      for (auto peer = peers_.begin(); peer != peers_.end();) {
        const auto next = std::next(peer);
        if (!handle(*peer)) peers_.erase(peer);
        peer = next;
      }
      accept_all();
    }
  }

 private:
  // Until anybody has something for us, or room for what we have for him.
  bool wait() {
    std::vector<pollfd> fds;
    for (const Peer& peer : peers_) {
      const bool unsent = peer.connection.unsent() > 0;
      const int events = unsent ? POLLIN | POLLOUT : POLLIN;
      fds.push_back({peer.connection.fd(), static_cast<int16_t>(events), 0});
    }
    if (listening_) fds.push_back({listener_.fd(), POLLIN, 0});  // [poll]
    const int count = ipc::retry(
        [&] { return ::poll(fds.data(), fds.size(), deadline_.poll_ms()); });
    if (ipc::check(count, "poll") == 0) {
      ipc::say("Hanging up on {} who did not finish", peers_.size());
    }
    return count > 0;
  }

  void accept_all() {
    while (listening_) {
      auto connection = listener_.try_accept();
      if (!connection) return;
      ipc::say("Connection {} accepted", ++accepted_count_);
      peers_.push_back({std::move(*connection), accepted_count_});
    }
  }

  // What one peer wants; false if that was all. Whatever is wrong with it ends
  // its own connection and nothing else.
  bool handle(Peer& peer) try {  // [handle]
    auto& connection = peer.connection;
    const auto message = connection.receive_until(Deadline::at_ns(0));
    if (message.status == Transfer::closed) {
      ipc::say("Connection {} ended", peer.number);
      return false;
    }
    if (message.status == Transfer::truncated) {
      ipc::say("Connection {} ended inside a message", peer.number);
      return false;
    }
    if (message && !answer(peer, *message)) return false;
    return connection.flush_until(Deadline::at_ns(0)) != Transfer::closed &&
           connection.unsent() <= kUnsentMax;
  } catch (const std::system_error& error) {
    ipc::say("Connection {} closed: {}", peer.number, error.what());
    return false;
  }

  bool answer(Peer& peer, const std::string& message) {
    if (message == "close") {
      ipc::say("Closing connection {}", peer.number);
      return false;
    }
    if (message == "shutdown") {
      ipc::say("Shutting down");
      // Whoever is connected may finish; nobody else comes in.
      listener_.close();
      listening_ = false;
      deadline_ = Deadline::after(kGraceS * ipc::time_scale());
      return false;
    }
    ipc::say("Received '{:.60}', echoing back", message);
    peer.connection.queue("Echo: " + message);
    return true;
  }

  ipc::Listener& listener_;
  bool listening_ = true;
  Deadline deadline_ = Deadline::never();
  std::list<Peer> peers_;
  int accepted_count_ = 0;
};

}  // namespace

void serve(ipc::Listener& listener) {
  ipc::say("Starting");
  Server(listener).run();
  ipc::say("Stopped; {} never came in", listener.dropped_count());
}
