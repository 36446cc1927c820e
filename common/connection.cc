#include "common/connection.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "common/check.h"
#include "common/errors.h"
#include "common/pipe.h"
#include "common/ready.h"
#include "common/report.h"

namespace ipc {
namespace {

constexpr size_t kShortHeader = 4;
constexpr size_t kLongHeader = 12;
constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kForgetBytes = 64 << 10;

// Counted in each process: those made before fork(2) have the same number in
// the whole family.
std::string next_channel() {
  static int channel = 0;
  return fmt::format("Connection {}", ++channel);
}

// A blocking read or write could outlast any deadline.
void make_nonblocking(const UniqueFd& fd) {
  const int flags = check(::fcntl(fd.get(), F_GETFL), "fcntl F_GETFL");
  check(::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK), "fcntl F_SETFL");
}

void append_header(std::string& out, size_t size) {
  if (size <= std::numeric_limits<int32_t>::max()) {
    const uint32_t length = htobe32(static_cast<uint32_t>(size));
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    return;
  }
  const uint32_t mark = htobe32(static_cast<uint32_t>(-1));
  const uint64_t length = htobe64(size);
  out.append(reinterpret_cast<const char*>(&mark), sizeof mark);
  out.append(reinterpret_cast<const char*>(&length), sizeof length);
}

struct Header {
  size_t size = 0;     // Bytes of the header; 0 if not all of it is there.
  int64_t length = 0;  // Bytes of the message.
};

Header parse_header(std::string_view bytes) {
  if (bytes.size() < kShortHeader) return {};
  uint32_t length = 0;
  memcpy(&length, bytes.data(), sizeof length);
  const auto value = static_cast<int32_t>(be32toh(length));
  if (value != -1) return {kShortHeader, value};
  if (bytes.size() < kLongHeader) return {};
  uint64_t long_length = 0;
  memcpy(&long_length, bytes.data() + kShortHeader, sizeof long_length);
  return {kLongHeader, static_cast<int64_t>(be64toh(long_length))};
}

}  // namespace

Connection::Connection(UniqueFd fd, int64_t max_bytes)
    : fd_(std::move(fd)), max_bytes_(max_bytes) {
  make_nonblocking(fd_);
}

Connection Connection::reading(UniqueFd fd, int64_t max_bytes) {
  Connection end(std::move(fd), max_bytes);
  end.writes_ = false;
  return end;
}

Connection Connection::writing(UniqueFd fd) {
  Connection end(std::move(fd));
  end.reads_ = false;
  return end;
}

void Connection::name_channel(std::string channel, char side) {
  channel_ = std::move(channel);
  side_ = side;
}

void Connection::log(EventKind kind, char from, uint64_t number) const {
  if (!events_wanted) return;
  event(kind, channel_, from == 0 ? "" : fmt::format("{}{}", from, number));
}

Transfer Connection::send_until(std::string_view message, Deadline deadline) {
  IPC_CHECK(fd_ && writes_);
  const Transfer before = flush_until(deadline);
  if (before != Transfer::ok) return before;
  queue(message);
  return flush_until(deadline);
}

void Connection::queue(std::string_view message) {
  IPC_CHECK(fd_ && writes_);
  if (outgoing_done_ > kForgetBytes && outgoing_done_ > unsent()) {
    // Others will follow, so that it would never be empty.
    outgoing_.erase(0, outgoing_done_);
    outgoing_done_ = 0;
  }
  append_header(outgoing_, message.size());
  outgoing_ += message;
  log(EventKind::send, side_, ++sent_count_);
}

Transfer Connection::flush_until(Deadline deadline) {
  Transfer status = Transfer::ok;
  while (status == Transfer::ok && outgoing_done_ < outgoing_.size()) {
    status = write_some(deadline);
  }
  if (status != Transfer::timed_out) {
    // All has gone, or nobody will ever read the rest.
    outgoing_.clear();
    outgoing_done_ = 0;
  }
  return status;
}

Transfer Connection::write_some(Deadline deadline) {
  const std::string_view rest =
      std::string_view(outgoing_).substr(outgoing_done_);
  // A socket: without SIGPIPE, so that no peer can end a server by leaving.
  const bool is_socket = reads_ && writes_;
  const ssize_t size = retry([&] {
    return is_socket ? ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL)
                     : ::write(fd_.get(), rest.data(), rest.size());
  });
  if (size >= 0) {
    outgoing_done_ += static_cast<size_t>(size);
    return Transfer::ok;
  }
  if (errno == EPIPE || errno == ECONNRESET) return Transfer::closed;
  if (errno != EAGAIN) throw_error(errno, "write");
  log(EventKind::wait);
  const bool ready = wait_ready(fd_.get(), POLLOUT, deadline);
  log(EventKind::wake);
  return ready ? Transfer::ok : Transfer::timed_out;
}

Received Connection::receive_until(Deadline deadline) {
  IPC_CHECK(fd_ && reads_);
  while (true) {
    const Header header = parse_header(incoming_);
    size_t wanted = kShortHeader;
    if (header.size != 0) {
      // Before anything is allocated for it.
      if (header.length < 0 || header.length > max_bytes_) {
        throw_error(EMSGSIZE, "receive: length of a message");
      }
      wanted = header.size + static_cast<size_t>(header.length);
      if (incoming_.size() >= wanted) {
        Received received{Transfer::ok, incoming_.substr(header.size)};
        incoming_.clear();
        log(EventKind::receive, side_ == 'a' ? 'b' : 'a', ++received_count_);
        return received;
      }
    } else if (incoming_.size() >= kShortHeader) {
      wanted = kLongHeader;
    }
    const Transfer status = read_some(wanted - incoming_.size(), deadline);
    if (status != Transfer::ok) return {status, {}};
  }
}

// Reads at most `wanted` bytes, so that no byte of the next message is taken:
// a copy of this end in another process finds it whole.
Transfer Connection::read_some(size_t wanted, Deadline deadline) {
  std::array<char, kReadBytes> bytes;
  const ssize_t size = retry([&] {
    return ::read(fd_.get(), bytes.data(), std::min(wanted, bytes.size()));
  });
  if (size > 0) {
    incoming_.append(bytes.data(), static_cast<size_t>(size));
    return Transfer::ok;
  }
  if (size == 0 || errno == ECONNRESET) {
    return incoming_.empty() ? Transfer::closed : Transfer::truncated;
  }
  if (errno != EAGAIN) throw_error(errno, "read");
  log(EventKind::wait);
  const bool ready = wait_ready(fd_.get(), POLLIN, deadline);
  log(EventKind::wake);
  return ready ? Transfer::ok : Transfer::timed_out;
}

bool Connection::poll_until(Deadline deadline) const {
  IPC_CHECK(fd_ && reads_);
  return wait_ready(fd_.get(), POLLIN, deadline);
}

void Connection::close() {
  fd_.reset();
  outgoing_.clear();
  incoming_.clear();
}

ConnectionPair make_connections() {
  std::array<int, 2> fds{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
        "socketpair");
  const std::string channel = next_channel();
  ConnectionPair pair{Connection(UniqueFd(fds[0])),
                      Connection(UniqueFd(fds[1]))};
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
