// Sends messages rather than a byte stream over a pipe or a socket; modelled on
// Python's multiprocessing.connection.Connection.
//
//   auto [parent_end, child_end] = ipc::make_connections();
//   parent_end.send("hello");
//   while (const auto message = child_end.receive()) say("{}", *message);
//
// Layout:   each message is a header and its bytes. The header is the length: 4
//           bytes, big-endian, signed. For 2^31 bytes or more these 4 bytes are
//           -1, and 8 bytes with the true length follow. Python's send_bytes()
//           and recv_bytes() use the same format, but not on the sockets of
//           make_connections(): there the same bytes travel in packets, and no
//           packet has bytes of two messages.
// Lifetime: an end is closed by close(), its destructor, or its process's end.
// Blocks:   send while the buffer is full, and receive until a whole message
//           has come. The forms with a deadline block at most until the
//           deadline.
// Time-out: a deadline never cuts a message in two. send_until says whose the
//           message is then. `timed_out`: no byte has been sent, and the caller
//           may send it again. `partial`: its beginning has been sent, and the
//           end sends the rest with the next call; a caller that sent it again
//           would send it twice. If the time of receive_until is up inside a
//           message, the end keeps the part that has come, and the next call
//           continues with it.
// Ordering: messages arrive in the order sent. What the sender did before
//           sending is visible to the receiver after receiving.
// Servers:  poll fd() for many connections at once. With Deadline::at_ns(0)
//           receive_until() takes what has come and does not wait. Unless
//           read_ahead() was called it reads no byte beyond the message, so
//           poll(2) reports the next one. queue() and flush_until() send
//           messages; while unsent() is not 0, poll for POLLOUT too.
// Processes: at most one sender and one receiver use an end. Two processes that
//           send through copies of one end would mix their messages.
// Fork:     the child has a copy of the end; close what you do not use.
// Death:    after the death of the peer, calls return `closed`, or `truncated`
//           if it died inside a message. While another process holds a copy of
//           the peer's end, receive() still waits for it.
// Errors:   std::system_error if the environment fails. A length that is
//           negative or above `max_bytes` is EMSGSIZE, before any memory is
//           allocated. std::bad_alloc if there is no memory for a message: the
//           message is kept, and the next receive() tries again.
// See:      pipe(7), unix(7), socketpair(2).
#pragma once

#include <stddef.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/base/unique_fd.h"
#include "common/channel/internal/incoming.h"
#include "common/channel/internal/outgoing.h"
#include "common/channel/internal/wire.h"
#include "common/channel/transfer.h"

namespace ipc {

class Connection;
struct ConnectionPair;

// Two ends of a socket pair: each sends and receives. Python's Pipe(). The
// sockets keep packets apart (SOCK_SEQPACKET), so that one read(2) takes a
// whole message and no byte of the next.
ConnectionPair make_connections();

// Two ends of a pipe: `first` receives, `second` sends. Pipe(duplex=False).
ConnectionPair make_one_way_connections();

class Connection {
 public:
  static constexpr int64_t kMaxBytes = 64 << 20;

  Connection() : Connection(channel_internal::Wire(), kMaxBytes) {}
  // An end that reads from and writes to the socket `fd`: SOCK_STREAM, or
  // SOCK_SEQPACKET, whose other end must send packets as in Layout. Clears
  // O_NONBLOCK of `fd`.
  explicit Connection(UniqueFd fd, int64_t max_bytes = kMaxBytes);
  // An end of a pipe that only reads, or only writes. Sets O_NONBLOCK of `fd`;
  // send() and receive() wait in poll(2) instead.
  static Connection reading(UniqueFd fd, int64_t max_bytes = kMaxBytes);
  static Connection writing(UniqueFd fd);

  // Sends one message: ok or closed.
  [[nodiscard]] Transfer send(std::string_view message) {
    return send_until(message, Deadline::never());
  }
  // The same, or timed_out: no byte of the message was sent, and none is kept.
  // Or partial: a part of it was sent. The end keeps the rest and sends it in
  // flush_until() or before the next message.
  [[nodiscard]] Transfer send_until(std::string_view message,
                                    Deadline deadline);

  // Sends what is unsent: ok when nothing is left, closed, or timed_out when
  // something is left.
  [[nodiscard]] Transfer flush_until(Deadline deadline);

  // For a server that never waits for a peer: adds a message behind all that is
  // unsent, for flush_until() to send. If a peer does not read, unsent() grows;
  // close the connection when there are too many bytes.
  void queue(std::string_view message);
  [[nodiscard]] size_t unsent() const { return outgoing_.unsent(); }

  // Receives one message: ok, closed or truncated; with a deadline also
  // timed_out.
  [[nodiscard]] Received receive() { return receive_until(Deadline::never()); }
  [[nodiscard]] Received receive_until(Deadline deadline);

  // True once there is a byte to receive, or the peer has closed its end; false
  // at the deadline. Python's poll().
  [[nodiscard]] bool poll_until(Deadline deadline) const;

  // From now on a read(2) takes all that has come, up to 64 KiB, and the end
  // keeps the bytes of later messages. That is at most one system call a
  // message instead of two. Only for an end that has no copy in another
  // process. poll(2) does not report what is kept, so receive while
  // holds_message().
  void read_ahead() { incoming_.read_ahead(); }
  // True if receive() would return without a read(2): it would return a message
  // that was read with an earlier one, or refuse its length.
  [[nodiscard]] bool holds_message() const { return incoming_.holds_message(); }

  // The longest message, in bytes, that is accepted from now on.
  void set_max_bytes(int64_t max_bytes) { incoming_.set_max_bytes(max_bytes); }

  // Names the channel in the event log, which can then pair each send with its
  // receive. Use the same name at both ends, with the sides 'a' and 'b'.
  void name_channel(std::string channel, char side);

  // The descriptor, to poll(2) it along with others; -1 after close().
  [[nodiscard]] int fd() const { return wire_.fd(); }
  explicit operator bool() const { return wire_.fd() != -1; }
  void close();

 private:
  friend ConnectionPair make_connections();
  friend ConnectionPair make_one_way_connections();

  Connection(channel_internal::Wire wire, int64_t max_bytes);
  void log(EventKind kind, char from, uint64_t number) const;

  channel_internal::Wire wire_;
  channel_internal::Outgoing outgoing_;
  channel_internal::Incoming incoming_;

  // For the event log, which pairs a send with its receive.
  char side_ = 'a';
  uint64_t sent_count_ = 0;
  uint64_t received_count_ = 0;
};

struct ConnectionPair {
  Connection first;
  Connection second;
};

}  // namespace ipc
