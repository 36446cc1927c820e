#include "common/channel/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/wait_ready.h"
#include "common/process/pipe.h"

namespace ipc {

using channel_internal::Wire;

namespace {

// The size of a socket's send buffer. The kernel doubles the number, up to a
// limit; see SO_SNDBUF in socket(7).
constexpr int kRoomBytes = 512 << 10;

// Each process counts its own. A connection made before fork(2) has the same
// number in the parent and in its descendants.
std::string next_channel() {
  static std::atomic<int> channel = 0;
  return "Connection " + std::to_string(++channel);
}

}  // namespace

const char* describe(Transfer status) {
  constexpr const char* kTexts[] = {"ok", "closed", "timed out", "truncated",
                                    "partial"};
  return kTexts[static_cast<int>(status)];
}

void ensure(Transfer status) {
  if (status == Transfer::ok) return;
  throw std::runtime_error(std::string("the connection is ") +
                           describe(status));
}

Connection::Connection(Wire wire, int64_t max_bytes)
    : wire_(std::move(wire)), incoming_(max_bytes) {}

Connection::Connection(UniqueFd fd, int64_t max_bytes)
    : Connection(Wire(std::move(fd)), max_bytes) {}

Connection Connection::reading(UniqueFd fd, int64_t max_bytes) {
  return {Wire(std::move(fd), Wire::Kind::read_end), max_bytes};
}

Connection Connection::writing(UniqueFd fd) {
  return {Wire(std::move(fd), Wire::Kind::write_end), kMaxBytes};
}

void Connection::name_channel(std::string channel, char side) {
  wire_.name(std::move(channel));
  side_ = side;
}

void Connection::log(EventKind kind, char from, uint64_t number) const {
  if (event_hook != nullptr) wire_.log(kind, from + std::to_string(number));
}

Transfer Connection::send_until(std::string_view message, Deadline deadline) {
  IPC_CHECK(wire_.writes());
  const Transfer before = flush_until(deadline);
  if (before != Transfer::ok) return before;
  log(EventKind::send, side_, ++sent_count_);
  const Transfer status = outgoing_.send(wire_, message, deadline);
  // It was not sent, so the next message gets its number.
  if (status == Transfer::timed_out) --sent_count_;
  return status;
}

void Connection::queue(std::string_view message) {
  IPC_CHECK(wire_.writes());
  outgoing_.queue(message);
  log(EventKind::send, side_, ++sent_count_);
}

Transfer Connection::flush_until(Deadline deadline) {
  return outgoing_.flush(wire_, deadline);
}

Received Connection::receive_until(Deadline deadline) {
  IPC_CHECK(wire_.reads());
  Received received = incoming_.receive(wire_, deadline);
  if (received) {
    log(EventKind::receive, side_ == 'a' ? 'b' : 'a', ++received_count_);
  }
  return received;
}

bool Connection::poll_until(Deadline deadline) const {
  IPC_CHECK(wire_.reads());
  return holds_message() || wait_ready(fd(), POLLIN, deadline);
}

void Connection::close() {
  wire_.close();
  outgoing_.clear();
  incoming_.clear();
}

ConnectionPair make_connections() {
  std::array<int, 2> fds{};
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()),
        "socketpair");
  std::array<UniqueFd, 2> ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  for (const UniqueFd& end : ends) {
    check(::setsockopt(end.get(), SOL_SOCKET, SO_SNDBUF, &kRoomBytes,
                       sizeof kRoomBytes),
          "setsockopt SO_SNDBUF");
  }
  const std::string channel = next_channel();
  ConnectionPair pair{Connection(std::move(ends[0])),
                      Connection(std::move(ends[1]))};
  pair.first.name_channel(channel, 'a');
  pair.second.name_channel(channel, 'b');
  return pair;
}

ConnectionPair make_one_way_connections() {
  Pipe pipe = make_pipe();
  const std::string channel = next_channel();
  ConnectionPair pair{Connection::reading(std::move(pipe.reader)),
                      Connection::writing(std::move(pipe.writer))};
  pair.first.name_channel(channel, 'a');
  pair.second.name_channel(channel, 'b');
  return pair;
}

}  // namespace ipc
