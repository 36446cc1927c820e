#include "common/channel/connection.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/wait_ready.h"
#include "common/process/pipe.h"
#include "common/process/signals.h"

namespace ipc {
namespace {

constexpr size_t kShortHeader = 4;
constexpr size_t kLongHeader = 12;
constexpr size_t kForgetBytes = 64 << 10;
constexpr size_t kPacketMin = 1024;
// What of a message goes with its header. The rest is then copied to a place as
// aligned as the message; to another it would take several times as long.
constexpr size_t kFirstBytes = (64 << 10) - 64 + kShortHeader;
// A socket pair has room for two of these, or for what the kernel allows; see
// socket(7). It doubles what it is asked for.
constexpr int kRoomBytes = 512 << 10;
constexpr size_t kJoinedMax = 1024;

// Counted in each process: those made before fork(2) have the same number in
// the whole family.
std::string next_channel() {
  static std::atomic<int> channel = 0;
  return "Connection " + std::to_string(++channel);
}

// Whether a call may wait inside of the kernel: not if it must end in time, and
// not if somebody wants to see that it waits.
bool may_block(Deadline deadline) {
  return deadline.is_never() && event_hook == nullptr && gate() == nullptr;
}

bool keeps_packets(const UniqueFd& fd) {
  int type = 0;
  socklen_t size = sizeof type;
  const int result = ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size);
  if (result == -1 && errno == ENOTSOCK) return false;
  check(result, "getsockopt SO_TYPE");
  return type == SOCK_SEQPACKET;
}

class HeaderBytes {
 public:
  explicit HeaderBytes(size_t size) {
    if (size <= std::numeric_limits<int32_t>::max()) {
      add(htobe32(static_cast<uint32_t>(size)));
    } else {
      add(htobe32(static_cast<uint32_t>(-1)));
      add(htobe64(size));
    }
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  template <typename Number>
  void add(Number number) {
    memcpy(bytes_.data() + size_, &number, sizeof number);
    size_ += sizeof number;
  }

  std::array<char, kLongHeader> bytes_;
  size_t size_ = 0;
};

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

// A socket is told with each call whether it may wait. A pipe cannot be told,
// and a blocking one could outlast any deadline.
Connection::Connection(UniqueFd fd, int64_t max_bytes)
    : fd_(std::move(fd)), max_bytes_(max_bytes), packets_(keeps_packets(fd_)) {
  set_blocking(fd_.get(), true);
}

Connection Connection::reading(UniqueFd fd, int64_t max_bytes) {
  Connection end;
  end.fd_ = std::move(fd);
  end.max_bytes_ = max_bytes;
  end.writes_ = false;
  set_blocking(end.fd_.get(), false);
  return end;
}

Connection Connection::writing(UniqueFd fd) {
  Connection end;
  end.fd_ = std::move(fd);
  end.reads_ = false;
  set_blocking(end.fd_.get(), false);
  return end;
}

void Connection::name_channel(std::string channel, char side) {
  channel_ = std::move(channel);
  side_ = side;
}

void Connection::log(EventKind kind, char from, uint64_t number) const {
  if (event_hook == nullptr) return;
  const std::string id = from == 0 ? "" : from + std::to_string(number);
  event(kind, channel_, id);
}

Transfer Connection::send_until(std::string_view message, Deadline deadline) {
  IPC_CHECK(fd_ && writes_);
  const Transfer before = flush_until(deadline);
  if (before != Transfer::ok) return before;
  log(EventKind::send, side_, ++sent_count_);
  const HeaderBytes header(message.size());
  std::string_view first = header.view();
  const size_t size = first.size() + message.size();
  const Transfer status = write_all(first, message, true, deadline);
  if (status != Transfer::timed_out) return status;
  const size_t left = first.size() + message.size();
  if (left == size) {
    --sent_count_;  // The next one has its number.
    return status;
  }
  outgoing_ = first;
  outgoing_ += message;
  outgoing_left_ = left;
  return Transfer::partial;
}

void Connection::queue(std::string_view message) {
  IPC_CHECK(fd_ && writes_);
  if (outgoing_done_ > kForgetBytes && outgoing_done_ > unsent()) {
    // Others will follow, so that it would never be empty.
    outgoing_.erase(0, outgoing_done_);
    outgoing_done_ = 0;
  }
  outgoing_ += HeaderBytes(message.size()).view();
  outgoing_ += message;
  log(EventKind::send, side_, ++sent_count_);
}

Transfer Connection::flush_until(Deadline deadline) {
  Transfer status = Transfer::ok;
  while (status == Transfer::ok && unsent() > 0) {
    std::string_view rest = std::string_view(outgoing_).substr(outgoing_done_);
    const bool begins = outgoing_left_ == 0;
    if (packets_) {  // One message after the other.
      const Header header = parse_header(rest);
      rest = rest.substr(
          0, begins ? header.size + static_cast<size_t>(header.length)
                    : outgoing_left_);
    }
    const size_t size = rest.size();
    std::string_view nothing;
    status = write_all(rest, nothing, begins, deadline);
    outgoing_done_ += size - rest.size();
    if (packets_ && rest.size() < size) outgoing_left_ = rest.size();
  }
  if (status != Transfer::timed_out) {
    // All has gone, or nobody will ever read the rest.
    outgoing_.clear();
    outgoing_done_ = 0;
    outgoing_left_ = 0;
  }
  return status;
}

// As much of both as the kernel takes at once.
ssize_t Connection::write_once(std::string_view first, std::string_view second,
                               int flags) const {
  // The kernel takes longer to gather little than it takes to copy it here.
  std::array<char, kJoinedMax> joined;
  if (!second.empty() && first.size() + second.size() <= joined.size()) {
    first.copy(joined.data(), first.size());
    second.copy(joined.data() + first.size(), second.size());
    first = {joined.data(), first.size() + second.size()};
    second = {};
  }
  if (second.empty()) {
    if (is_socket()) {
      return ::send(fd_.get(), first.data(), first.size(), flags);
    }
    return without_sigpipe(
        [&] { return ::write(fd_.get(), first.data(), first.size()); });
  }
  std::array<iovec, 2> parts{
      iovec{const_cast<char*>(first.data()), first.size()},
      iovec{const_cast<char*>(second.data()), second.size()}};
  if (!is_socket()) {
    return without_sigpipe(
        [&] { return ::writev(fd_.get(), parts.data(), parts.size()); });
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd_.get(), &message, flags);
}

// Writes both, one after the other, and takes off their fronts what has gone.
Transfer Connection::write_all(std::string_view& first,
                               std::string_view& second, bool begins,
                               Deadline deadline) {
  // Without SIGPIPE, so that no peer can end a server by leaving.
  const int flags = MSG_NOSIGNAL | (may_block(deadline) ? 0 : MSG_DONTWAIT);
  while (!first.empty() || !second.empty()) {
    // The peer does not know yet how long a message is that begins.
    const size_t limit = !packets_ ? std::numeric_limits<size_t>::max()
                         : begins  ? std::min(kFirstBytes, packet_bytes_)
                                   : packet_bytes_;
    const ssize_t size = retry([&] {
      return write_once(first.substr(0, limit),
                        second.substr(0, limit - std::min(first.size(), limit)),
                        flags);
    });
    if (size >= 0) {
      const size_t of_first = std::min(static_cast<size_t>(size), first.size());
      first.remove_prefix(of_first);
      second.remove_prefix(static_cast<size_t>(size) - of_first);
      begins = false;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return Transfer::closed;
    } else if (packets_ && (errno == EMSGSIZE || errno == ENOBUFS) &&
               limit > kPacketMin) {
      packet_bytes_ = limit / 2;  // More than this socket, or kernel, has.
    } else if (errno != EAGAIN) {
      throw_error(errno, "write");
    } else if (!wait(POLLOUT, deadline)) {
      return Transfer::timed_out;
    }
  }
  return Transfer::ok;
}

bool Connection::wait(int16_t events, Deadline deadline) const {
  log(EventKind::wait);
  const bool ready = wait_ready(fd_.get(), events, deadline);
  log(EventKind::wake);
  return ready;
}

Received Connection::receive_until(Deadline deadline) {
  IPC_CHECK(fd_ && reads_);
  while (!begin_message()) {
    const Transfer status = read_held(deadline);
    if (status != Transfer::ok) return {status, {}};
  }
  while (message_done_ < message_bytes_) {
    const Transfer status = read_message(deadline);
    if (status != Transfer::ok) return {status, {}};
  }
  Received received{Transfer::ok, std::move(message_)};
  message_.clear();
  in_message_ = false;
  log(EventKind::receive, side_ == 'a' ? 'b' : 'a', ++received_count_);
  return received;
}

// False if not all of the header has come.
bool Connection::begin_message() {
  if (in_message_) return true;
  held_done_ += take_message(held());
  if (held_done_ == held_.size()) {
    held_.clear();
    held_done_ = 0;
  }
  return in_message_;
}

// Begins the message whose header, and maybe more, these bytes are; how many of
// them it took: none if not all of the header has come.
size_t Connection::take_message(std::string_view bytes) {
  const Header header = parse_header(bytes);
  if (header.size == 0) return 0;
  // Before anything is allocated for it.
  if (!accepts(header.length)) {
    throw_error(EMSGSIZE, "receive: length of a message");
  }
  // This may fail; then no message has begun, and its header is met again.
  message_.reserve(static_cast<size_t>(header.length));
  in_message_ = true;
  message_bytes_ = static_cast<size_t>(header.length);
  message_ = bytes.substr(header.size, message_bytes_);
  message_done_ = message_.size();
  return header.size + message_done_;
}

bool Connection::holds_message() const {
  if (in_message_) return message_done_ == message_bytes_;
  const Header header = parse_header(held());
  // What receive() will refuse counts, or nobody would call it.
  return header.size != 0 &&
         (!accepts(header.length) ||
          held().size() - header.size >= static_cast<size_t>(header.length));
}

// Reads a packet, or the next bytes of a header and of nothing else, so that a
// copy of this end in another process finds the next message whole; or as much
// as there is.
Transfer Connection::read_held(Deadline deadline) {
  held_.erase(0, held_done_);
  held_done_ = 0;
  std::array<char, kReadBytes> bytes;
  std::span<char> room = bytes;
  if (!reads_ahead_ && !packets_) {
    const bool is_long = held_.size() >= kShortHeader;
    room = room.first((is_long ? kLongHeader : kShortHeader) - held_.size());
  }
  size_t size = 0;
  const Transfer status = read_some(room, size, deadline);
  const std::string_view read(bytes.data(), size);
  // Most are taken at once, without being held first; but not what is refused,
  // or may have no room in memory, and so must be found again.
  const int64_t length = parse_header(read).length;
  const bool at_once = held_.empty() && accepts(length) &&
                       static_cast<size_t>(length) <= read.size();
  held_.append(read.substr(at_once ? take_message(read) : 0));
  return status;
}

// Reads what the message that has begun still lacks.
Transfer Connection::read_message(Deadline deadline) {
  const size_t room_bytes =
      std::min(message_bytes_, message_done_ + kStepBytes);
  if (message_.size() < room_bytes) message_.resize(room_bytes);
  size_t size = 0;
  const Transfer status =
      read_some(std::span(message_).subspan(message_done_), size, deadline);
  message_done_ += size;
  return status;
}

Transfer Connection::read_some(std::span<char> room, size_t& size_bytes,
                               Deadline deadline) const {
  // With MSG_TRUNC a packet that does not fit tells so.
  const int flags =
      (may_block(deadline) ? 0 : MSG_DONTWAIT) | (packets_ ? MSG_TRUNC : 0);
  while (true) {
    const ssize_t size = retry([&] {
      return is_socket() ? ::recv(fd_.get(), room.data(), room.size(), flags)
                         : ::read(fd_.get(), room.data(), room.size());
    });
    if (size > static_cast<ssize_t>(room.size())) {
      throw_error(EMSGSIZE, "receive: length of a packet");
    }
    if (size > 0) {
      size_bytes = static_cast<size_t>(size);
      return Transfer::ok;
    }
    if (size == 0 || errno == ECONNRESET) {
      const bool inside = in_message_ || !held_.empty();
      return inside ? Transfer::truncated : Transfer::closed;
    }
    if (errno != EAGAIN) throw_error(errno, "read");
    if (!wait(POLLIN, deadline)) return Transfer::timed_out;
  }
}

bool Connection::poll_until(Deadline deadline) const {
  IPC_CHECK(fd_ && reads_);
  return holds_message() || wait_ready(fd_.get(), POLLIN, deadline);
}

void Connection::close() {
  fd_.reset();
  outgoing_.clear();
  outgoing_done_ = 0;
  outgoing_left_ = 0;
  held_.clear();
  held_done_ = 0;
  in_message_ = false;
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
