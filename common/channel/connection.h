// Messages, not bytes, over a pipe or a socket; after Python's
// multiprocessing.connection.Connection.
//
//   auto [parent_end, child_end] = ipc::make_connections();
//   parent_end.send("hello");
//   while (const auto message = child_end.receive()) say("{}", *message);
//
// Layout:   each message is its length, 4 bytes, big-endian, signed, and then
//           so many bytes; from 2^31 bytes on the length is -1 and 8 bytes with
//           the true length follow. A Python process understands it
//           (send_bytes and recv_bytes), but not from make_connections(): there
//           the same bytes go in packets, and none has bytes of two messages.
// Lifetime: an end is closed by close(), its destructor, or its process's end.
// Blocks:   send while the buffer is full, receive while no whole message has
//           come; the forms with a deadline only until then.
// Time-out: a deadline never cuts a message in two. send_until says whether the
//           message is still the caller's (`timed_out`: nothing of it has gone;
//           sending it again does not double it) or the end's (`partial`: its
//           beginning has gone, the rest goes with the next call; sending it
//           again would double it). What receive_until had of a message when
//           its time was up stays, and the next call goes on with it.
// Ordering: messages arrive in the order sent. What the sender did before
//           sending is visible to the receiver after receiving.
// Servers:  poll fd() for many connections at once. With Deadline::at_ns(0)
//           receive_until() takes what has come and does not wait; it reads no
//           byte beyond the message, so poll(2) tells of the next one, unless
//           it was asked to read_ahead(). Messages go out by queue() and
//           flush_until(); while unsent() is not 0, poll for POLLOUT too.
// Processes: one sender and one receiver an end. Two processes that send
//           through copies of one end would mix their messages.
// Fork:     the child has a copy of the end; close what you do not use.
// Death:    a dead peer is `closed`, or `truncated` if it died inside a
//           message. Nothing hangs, if nobody else holds a copy of its end.
// Errors:   std::system_error if the environment fails; a length that is
//           negative or above `max_bytes` is EMSGSIZE before any allocation.
//           std::bad_alloc if there is no memory for a message: it stays, and
//           the next receive() tries again.
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

// Two ends of a socket pair: each sends and receives. Python's Pipe(). It is of
// the kind that keeps packets apart, so that one read(2) takes a message whole
// and nothing of the next.
ConnectionPair make_connections();

// Two ends of a pipe: `first` receives, `second` sends. Pipe(duplex=False).
ConnectionPair make_one_way_connections();

class Connection {
 public:
  static constexpr int64_t kMaxBytes = 64 << 20;

  Connection() : Connection(channel_internal::Wire(), kMaxBytes) {}
  // An end that reads from and writes to `fd`, a socket (SOCK_STREAM, or
  // SOCK_SEQPACKET for the other end of which see above); it will block.
  explicit Connection(UniqueFd fd, int64_t max_bytes = kMaxBytes);
  // An end that only reads, or only writes, for a pipe; it will not block.
  static Connection reading(UniqueFd fd, int64_t max_bytes = kMaxBytes);
  static Connection writing(UniqueFd fd);

  // Sends one message: ok or closed.
  [[nodiscard]] Transfer send(std::string_view message) {
    return send_until(message, Deadline::never());
  }
  // The same, or timed_out: nothing of the message has gone or is kept. Or
  // partial: a part of it has gone, and the end keeps the rest, which goes with
  // flush_until() or before the next message.
  [[nodiscard]] Transfer send_until(std::string_view message,
                                    Deadline deadline);

  // Goes on with what has not gone yet: ok when nothing is left of it, closed,
  // or timed_out, when something is.
  [[nodiscard]] Transfer flush_until(Deadline deadline);

  // For a server that never waits for a peer: adds a message to what flush
  // sends, whatever has not gone before it. A peer that does not read makes
  // unsent() bytes grow; close it when they are too many.
  void queue(std::string_view message);
  [[nodiscard]] size_t unsent() const { return outgoing_.unsent(); }

  // Receives one message: ok, closed or truncated; with a deadline also
  // timed_out.
  [[nodiscard]] Received receive() { return receive_until(Deadline::never()); }
  [[nodiscard]] Received receive_until(Deadline deadline);

  // True once receive() would not wait for a first byte, or the peer has gone;
  // false at the deadline. Python's poll().
  [[nodiscard]] bool poll_until(Deadline deadline) const;

  // From now on a read(2) takes all that has come, up to 64 KiB, and the end
  // keeps what is of later messages: one call of the kernel a message or less,
  // in place of two. For an end that has no copy in another process.
  // poll(2) does not tell of what is kept, so receive while holds_message().
  void read_ahead() { incoming_.read_ahead(); }
  // receive() would return a message that was read with an earlier one.
  [[nodiscard]] bool holds_message() const { return incoming_.holds_message(); }

  // The longest message that is taken from now on.
  void set_max_bytes(int64_t max_bytes) { incoming_.set_max_bytes(max_bytes); }

  // Names the channel in the event log; the same at both ends, with the sides
  // 'a' and 'b'. Then each send is paired with its receive.
  void name_channel(std::string channel, char side);

  // For poll(2) beside other descriptors: readable, or writable.
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
