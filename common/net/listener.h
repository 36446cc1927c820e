// A server's end that others connect to, and how they do; after Python's
// multiprocessing.connection.Listener and Client.
//
//   ipc::Listener listener(ipc::Address("127.0.0.1:0"), {.key = key});
//   say("Listening on {}", listener.address().text());
//   ipc::Connection peer = listener.accept();
//
//   ipc::Connection server = ipc::connect(address, {.key = key});
//
// A name may stand for several addresses, as "localhost" does for ::1 and
// 127.0.0.1. A listener listens on all of them, at one port; connect() tries
// one after the other.
//
// With a key only those peers come out of accept() who know it, and connect()
// returns only when the listener has shown that it knows it too; see auth.h. A
// peer that takes its time, or talks nonsense, delays nobody: each is at a step
// of its own, none is waited for, and one that is not done in time is dropped.
//
// Lifetime: a path is unlinked by close(), and by the destructor in the process
//           that made the listener; only if it is still ours. leave() closes
//           and does not unlink: for the parent of a server.
// Fork:     the child has a copy and may accept too; each connection goes to
//           one of them. Peers that were incomplete stay with the parent.
// Blocks:   accept() until a peer is complete, connect() until the listener
//           accepts it; try_accept() never. Who brings a key to a listener
//           without one waits for a challenge that does not come: such a
//           mistake is found only by the deadline of connect_until().
// Servers:  poll fd() beside the connections, and call try_accept() while it
//           returns a peer, or once each time that fd() is readable.
// Ordering: peers come out in the order in which they are complete.
// Trust:    before a peer is authenticated a message of 256 bytes is the
//           longest that is taken, and its sixth second its last. Over a path
//           only processes of this user, or of root, are let in; its folder
//           must be one in which nobody else can replace the socket.
// Death:    if the server dies, its peers' receive() is `closed`, and connect()
//           fails with ECONNREFUSED. A path stays, and keeps the next server
//           from listening there; use a folder that is new for each run.
//           If the other machine vanishes, by loss of power or of its network,
//           nothing says so. Over TCP a connection therefore fails, in send and
//           receive with ETIMEDOUT, when the other machine has been silent for
//           silence_max_s: 10 s and up to 2 s more unless changed. It is the
//           kernel that answers, so a process may be stopped as long as it
//           likes; but one that takes nothing for so long, while as much is
//           sent to it as its buffers hold, is taken for vanished as well.
// Errors:   std::system_error, and a constructor that fails leaves no path;
//           with a peer nothing can be wrong but that it does not come out of
//           accept().
// See:      socket(7), tcp(7), unix(7), accept(2), epoll(7).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/net/address.h"
#include "common/net/auth.h"

namespace ipc {

struct ListenerOptions {
  std::string key = {};  // Empty: everybody is let in.
  Protocol protocol = Protocol::ours;
  int64_t max_bytes = Connection::kMaxBytes;  // Of a message, once let in.
  int backlog = 1024;           // Who may wait for accept(2); see listen(2).
  size_t incomplete_max = 256;  // Beyond, the oldest is dropped.
  double incomplete_max_s = 5;  // So long a peer may take; times time_scale().
  double silence_max_s = 10;    // See Death; 0: for ever.
};

struct ClientOptions {
  std::string key = {};
  Protocol protocol = Protocol::ours;
  int64_t max_bytes = Connection::kMaxBytes;
  double silence_max_s = 10;  // As of a listener.
};

// Connects and authenticates. The deadline also limits the wait for a listener
// that is there and does not accept. Each of several addresses gets an equal
// share of the time that is left.
// Errors: std::system_error: ECONNREFUSED, ENOENT if nobody listens;
//         ETIMEDOUT; EACCES if one side refuses the other's key, they use
//         different protocols, or a path is another user's. Of several
//         addresses that of the first.
Connection connect_until(const Address& address, const ClientOptions& options,
                         Deadline deadline);
Connection connect(const Address& address, const ClientOptions& options = {});

class Listener {
 public:
  explicit Listener(const Address& address, ListenerOptions options = {});
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  Listener(Listener&&) = delete;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  // Where it listens, with the port that the kernel has chosen; the first place
  // if there are several.
  [[nodiscard]] const Address& address() const { return address_; }

  // For poll(2): readable when try_accept() has something to do, which need
  // not lead to a peer.
  [[nodiscard]] int fd();

  // A complete peer, if there is one now. Never waits.
  [[nodiscard]] std::optional<Connection> try_accept();
  // The same at the latest at the deadline.
  [[nodiscard]] std::optional<Connection> accept_until(Deadline deadline);
  [[nodiscard]] Connection accept() { return *accept_until(Deadline::never()); }

  // Peers that are connected and not yet authenticated.
  [[nodiscard]] size_t incomplete_count() const { return incomplete_.size(); }
  // Peers that were dropped before they came out, for whatever reason.
  [[nodiscard]] uint64_t dropped_count() const { return dropped_count_; }

  void close();
  void leave();

 private:
  struct Incomplete {
    Connection connection;
    Authenticator authenticator;
    Deadline deadline;
  };
  // By number, so the oldest is the first.
  using Peers = std::map<uint64_t, Incomplete>;

  bool bind_all(std::vector<SocketAddress> places,
                std::vector<UniqueFd>& tried);
  UniqueFd bind_to(const SocketAddress& place, bool is_one_of_several);
  void bind_path(int fd, const SocketAddress& place);
  void unlink_path() const;
  void watch();
  void watch_listening(bool wanted);
  std::optional<Connection> accept_one(int listening);
  std::optional<Connection> begin(UniqueFd fd);
  std::optional<Connection> go_on(Peers::iterator peer);
  void drop(Peers::iterator peer);
  void handle_timer();
  void set_timer();
  void have_no_descriptor();

  Address address_;
  ListenerOptions options_;
  std::vector<UniqueFd> sockets_;  // One for each address.
  UniqueFd epoll_;  // Watches them, the timer and the incomplete peers.
  UniqueFd timer_;
  pid_t maker_;
  pid_t watcher_ = -1;  // The process that `epoll_` belongs to.
  dev_t device_ = 0;    // Of the path that we bound,
  ino_t inode_ = 0;     // to be known again.
  Peers incomplete_;
  uint64_t next_number_;
  std::optional<Deadline> pause_;  // No descriptor was left: not before.
  uint64_t dropped_count_ = 0;
};

}  // namespace ipc
