#include "common/channel/internal/wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <utility>

#include "common/base/errors.h"
#include "common/base/wait_ready.h"
#include "common/channel/internal/frame.h"
#include "common/process/signals.h"

namespace ipc::channel_internal {
namespace {

constexpr size_t kPacketMin = 1024;
// The size of the packet that has the header of a message. With this size the
// receiver copies the rest to an address that is aligned like the message; to a
// differently aligned one the copy would take several times as long.
constexpr size_t kFirstBytes = (64 << 10) - 64 + kShortHeader;
constexpr size_t kJoinedMax = 1024;

// Whether a call may wait inside the kernel: not if it has a deadline, and not
// if the event log or the explorer must see that it waits.
bool may_block(Deadline deadline) {
  return deadline.is_never() && event_hook == nullptr && gate() == nullptr;
}

Wire::Kind kind_of(const UniqueFd& fd) {
  int type = 0;
  socklen_t size = sizeof type;
  const int result = ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size);
  if (result == -1 && errno == ENOTSOCK) return Wire::Kind::stream;
  check(result, "getsockopt SO_TYPE");
  return type == SOCK_SEQPACKET ? Wire::Kind::packets : Wire::Kind::stream;
}

}  // namespace

Wire::Wire(UniqueFd socket) : fd_(std::move(socket)), kind_(kind_of(fd_)) {
  set_blocking(fd_.get(), true);
}

Wire::Wire(UniqueFd pipe_end, Kind kind)
    : fd_(std::move(pipe_end)), kind_(kind) {
  set_blocking(fd_.get(), false);
}

// How many bytes go in one call, and so in one packet.
size_t Wire::write_max(bool begins) const {
  if (!keeps_packets()) return std::numeric_limits<size_t>::max();
  // Before its first packet the peer does not know how long the message is.
  return begins ? std::min(kFirstBytes, packet_bytes_) : packet_bytes_;
}

Transfer Wire::write(Pieces& pieces, bool begins, Deadline deadline) {
  // Without SIGPIPE, so that a peer cannot end a server by closing its end.
  const int flags = MSG_NOSIGNAL | (may_block(deadline) ? 0 : MSG_DONTWAIT);
  while (pieces.size() > 0) {
    const size_t max = write_max(begins);
    const ssize_t size =
        retry([&] { return write_once(pieces.prefix(max), flags); });
    if (size >= 0) {
      pieces.remove_prefix(static_cast<size_t>(size));
      begins = false;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return Transfer::closed;
    } else if (keeps_packets() && (errno == EMSGSIZE || errno == ENOBUFS) &&
               max > kPacketMin) {
      packet_bytes_ = max / 2;  // Too long for this socket, or for the kernel.
    } else if (errno != EAGAIN) {
      throw_error(errno, "write");
    } else if (!wait(POLLOUT, deadline)) {
      return Transfer::timed_out;
    }
  }
  return Transfer::ok;
}

// Writes as much as the kernel takes at once.
ssize_t Wire::write_once(Pieces pieces, int flags) const {
  std::string_view& first = pieces.first;
  std::string_view& second = pieces.second;
  // For a few bytes, a copy here is faster than letting the kernel gather them.
  std::array<char, kJoinedMax> joined;
  if (!second.empty() && pieces.size() <= joined.size()) {
    first.copy(joined.data(), first.size());
    second.copy(joined.data() + first.size(), second.size());
    pieces = {{joined.data(), pieces.size()}, {}};
  }
  if (second.empty()) {
    if (is_socket()) return ::send(fd(), first.data(), first.size(), flags);
    return without_sigpipe(
        [&] { return ::write(fd(), first.data(), first.size()); });
  }
  std::array<iovec, 2> parts{
      iovec{const_cast<char*>(first.data()), first.size()},
      iovec{const_cast<char*>(second.data()), second.size()}};
  if (!is_socket()) {
    return without_sigpipe(
        [&] { return ::writev(fd(), parts.data(), parts.size()); });
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd(), &message, flags);
}

Transfer Wire::read(std::span<char> room, size_t& size_bytes,
                    Deadline deadline) const {
  // With MSG_TRUNC recv(2) returns the real length of a packet that does not
  // fit.
  const int flags = (may_block(deadline) ? 0 : MSG_DONTWAIT) |
                    (keeps_packets() ? MSG_TRUNC : 0);
  while (true) {
    const ssize_t size = retry([&] {
      return is_socket() ? ::recv(fd(), room.data(), room.size(), flags)
                         : ::read(fd(), room.data(), room.size());
    });
    if (size > static_cast<ssize_t>(room.size())) {
      throw_error(EMSGSIZE, "receive: length of a packet");
    }
    if (size > 0) {
      size_bytes = static_cast<size_t>(size);
      return Transfer::ok;
    }
    if (size == 0 || errno == ECONNRESET) return Transfer::closed;
    if (errno != EAGAIN) throw_error(errno, "read");
    if (!wait(POLLIN, deadline)) return Transfer::timed_out;
  }
}

bool Wire::wait(int16_t events, Deadline deadline) const {
  log(EventKind::wait);
  const bool ready = wait_ready(fd(), events, deadline);
  log(EventKind::wake);
  return ready;
}

}  // namespace ipc::channel_internal
