// A socket to which clients connect, and connect(), by which they do; after
// Python's multiprocessing.connection.Listener and Client.
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
// With a key, accept() returns only complete peers: those that have proved that
// they know the key. connect() returns only when the listener has proved that
// it knows the key too; see auth.h. A peer that is slow, or sends garbage,
// delays no other peer: the listener waits for none of them, and drops a peer
// that is not complete in time.
//
// Lifetime: a path is unlinked by close(), and by the destructor in the process
//           that made the listener; only if it is still the same socket.
//           leave() closes and does not unlink: for the parent of a server.
// Fork:     the child has a copy and may accept too; each connection goes to
//           one of the two. Incomplete peers stay with the parent.
// Blocks:   accept() until a peer is complete, connect() until the listener
//           accepts it; try_accept() never. A client with a key waits in vain
//           for the challenge of a listener without one: only the deadline of
//           connect_until() ends that. The constructor and connect() may also
//           have to wait for the look-up of a name, which no deadline limits.
// Servers:  poll fd() beside the connections, and call try_accept() while it
//           returns a peer, or once each time that fd() is readable.
// Ordering: accept() returns peers in the order in which they are complete.
// Trust:    a peer that is not authenticated yet may send messages of at most
//           256 bytes, and is dropped after incomplete_max_s. Over a path only
//           processes of this user, or of root, are let in; its folder must be
//           one in which no other user can replace the socket, or the
//           constructor fails with EPERM.
// Death:    if the server dies, receive() returns `closed` in its peers, and
//           connect() fails with ECONNREFUSED. A path stays, and the next
//           server cannot listen there (EADDRINUSE); use a new folder for each
//           run.
//           If the other machine loses its power or its network, no message
//           reports it. A TCP connection therefore fails, in send and receive
//           with ETIMEDOUT, when the other machine has been silent for
//           silence_max_s: 10 s and up to 2 s more unless changed. The kernel
//           of that machine answers, so its process may be stopped for any
//           time; but a process that reads nothing for that long, while its
//           buffers are full, counts as vanished as well.
// Errors:   std::system_error; a constructor that fails leaves no path. What
//           goes wrong with one peer is no error: accept() does not return it.
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
  std::string key = {};  // Empty: every peer is let in.
  Protocol protocol = Protocol::ours;
  int64_t max_bytes = Connection::kMaxBytes;  // Of a message, once let in.
  int backlog = 1024;           // Connections not accepted; see listen(2).
  size_t incomplete_max = 256;  // Above this the oldest is dropped.
  double incomplete_max_s = 5;  // For the handshake; times time_scale().
  double silence_max_s = 10;    // See Death; 0: no limit.
};

struct ClientOptions {
  std::string key = {};
  Protocol protocol = Protocol::ours;
  int64_t max_bytes = Connection::kMaxBytes;
  double silence_max_s = 10;  // As in ListenerOptions.
};

// Connects and authenticates. The deadline also limits the wait for a listener
// that is there and does not accept. Each of several addresses gets an equal
// share of the time that is left.
// Errors: std::system_error: ECONNREFUSED or ENOENT if no process listens;
//         ETIMEDOUT; EACCES if one side refuses the other's key, they use
//         different protocols, or a path is another user's. If none of several
//         addresses can be reached, the error of the first.
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

  // Where it listens, with the port that the kernel has chosen; the first
  // address if there are several.
  [[nodiscard]] const Address& address() const { return address_; }

  // For poll(2): readable when try_accept() has something to do, which need
  // not lead to a peer.
  [[nodiscard]] int fd();

  // A complete peer, if there is one now. Never waits.
  [[nodiscard]] std::optional<Connection> try_accept();
  // Waits for a complete peer; returns nothing at the deadline.
  [[nodiscard]] std::optional<Connection> accept_until(Deadline deadline);
  [[nodiscard]] Connection accept() { return *accept_until(Deadline::never()); }

  // Peers that are connected and not yet authenticated.
  [[nodiscard]] size_t incomplete_count() const { return incomplete_.size(); }
  // Peers that were dropped before they were complete, for whatever reason.
  [[nodiscard]] uint64_t dropped_count() const { return dropped_count_; }

  // See Lifetime.
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
  ino_t inode_ = 0;     // to recognize it.
  Peers incomplete_;
  uint64_t next_number_;
  std::optional<Deadline> pause_;  // Out of descriptors: none before.
  uint64_t dropped_count_ = 0;
};

}  // namespace ipc
