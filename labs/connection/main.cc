// connection: one process that serves many clients, and waits for none of them.
//
//   Client 0 ---+
//   Client 1 ---+-- Listener == Server        the silent one: connected first
//   Client 2 ---+               |
//   strangers --x---------------+             each ends only its own
//
// Watch for: the server sleeps in one place only, [poll]; no client waits for
// another client, not even for the silent one.
// Try: --python; --address=/tmp/socket; delete the line marked [poll].

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/connection/clients.h"
#include "labs/connection/peer.h"
#include "labs/connection/strangers.h"

namespace {

using Flag = std::atomic<bool>;

constexpr double kGraceS = 5;  // For the other clients, after "shutdown".

std::string address_text = "127.0.0.1:0";  // Port 0: the kernel chooses.
bool with_python = false;

// Sleeps until a client connects, or a peer has sent something, has gone, or
// can take more. Returns false if nothing happens in time.
bool wait_for_any(int listening, const std::list<Peer>& peers,
                  ipc::Deadline deadline) {
  std::vector<pollfd> fds;
  if (listening != -1) fds.push_back({listening, POLLIN, 0});  // [poll]
  for (const auto& [connection, number] : peers) {
    const int events = connection.unsent() > 0 ? POLLIN | POLLOUT : POLLIN;
    fds.push_back({connection.fd(), static_cast<int16_t>(events), 0});
  }
  const int count = ipc::retry(
      [&] { return ::poll(fds.data(), fds.size(), deadline.poll_ms()); });
  return ipc::check(count, "poll") > 0;
}

// Serves until a client says "shutdown"; then lets the others finish.
void serve_all(ipc::Listener& listener) {
  ipc::say("Starting");
  std::list<Peer> peers;
  int accepted_count = 0;
  bool is_open = true;
  auto deadline = ipc::Deadline::never();
  while (is_open || !peers.empty()) {
    if (!wait_for_any(is_open ? listener.fd() : -1, peers, deadline)) {
      return ipc::say("Hanging up: {} peers did not finish", peers.size());
    }
    while (is_open) {
      auto connection = listener.try_accept();  // [accept]
      if (!connection) break;
      ipc::say("Connection {} accepted", ++accepted_count);
      peers.push_back({std::move(*connection), accepted_count});
    }
    peers.remove_if([&](Peer& peer) {  // [each]
      const Wish wish = serve(peer);
      if (wish == Wish::shut_down) {
        listener.close();  // No other client comes in.
        is_open = false;
        deadline = ipc::Deadline::after(kGraceS * ipc::time_scale());
      }
      return wish != Wish::stay;
    });
  }
  ipc::say("Stopped");
}

// A listener whose path the keeper of the lab removes if all of us are killed.
ipc::Listener listen_at(const ipc::Address& address, Flag& has_path) try {
  has_path = address.is_path();
  return ipc::Listener(address);  // [listen]
} catch (...) {
  has_path = false;
  throw;
}

// Removes the path of a server that was killed.
void remove_path(const Flag& has_path) {
  struct stat status {};
  const char* const path = address_text.c_str();
  if (!has_path || ::lstat(path, &status) == -1) return;
  if (S_ISSOCK(status.st_mode)) ::unlink(path);
}

std::string lesson(Flag& has_path) {
  const Place place{ipc::Address(address_text)};
  const ipc::Address& address = place.address();
  if (with_python && address.text().starts_with('[')) {
    return "Python's Client has no IPv6: leave out --python, or use a path";
  }

  ipc::say("Act 1: a client that comes before the server");
  auto refused = ipc::make_one_way_connections();
  ipc::Process early("Early", [&] { come_early(address, refused.second); });
  refused.second.close();
  (void)refused.first.receive();
  // Only now does a server start.
  ipc::Listener listener = listen_at(address, has_path);
  ipc::Process server("Server", [&] { serve_all(listener); });
  listener.leave();  // It is the server's now.
  if (early.join() != 0) return "the early client failed";
  ipc::say("Act 2: three clients, and one before them that is silent");
  auto silent = connect_silently(address);
  if (!talk_all(address, with_python)) return "a client failed";
  silent.reset();
  if (server.join() != 0) return "the server failed";
  ipc::say("Act 3: a client that comes after the server");
  ipc::Process late("Late", [&] { come_late(address); });
  if (late.join() != 0) return "the late client failed";
  ipc::say("Act 4: strangers, and one client that stays");
  ipc::Listener again = listen_at(address, has_path);
  server = ipc::Process("Server", [&] { serve_all(again); });
  again.leave();
  if (!outlive_strangers(address)) return "a stranger hurt another client";
  return server.join() == 0 ? "" : "the server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("connection", "One process that serves many clients.");
  lab.option("--address", address_text, address_problem,
             "host:port or /path to listen at");
  lab.option("--python", with_python, "Client 1 is a Python program");
  const ipc::Shared<Flag> has_path(false);
  lab.at_end([&] { remove_path(*has_path); });
  return lab.run(argc, argv, [&] { return lesson(*has_path); });
}
