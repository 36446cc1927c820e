// The descriptor below a Connection: writes bytes to and reads them from a
// pipe, a stream socket, or a socket that keeps packets apart.
//
// Invariant: a socket is in blocking mode, and each call says whether it may
//            wait (MSG_DONTWAIT). A call on a pipe cannot say that, and one
//            that blocks could outlast any deadline, so a pipe is non-blocking.
// Packets:   a message is sent in one or more packets of its own; no packet has
//            bytes of two messages.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/base/unique_fd.h"
#include "common/channel/transfer.h"

namespace ipc::channel_internal {

// The memory for a long message grows in steps of this size. So the memory that
// the kernel writes to is still in a cache, and no memory is filled for bytes
// that never come. This is also the size of packets: with longer ones the
// kernel has less to do.
inline constexpr size_t kStepBytes = 512 << 10;

// Bytes to be written: first, then second.
struct Pieces {
  std::string_view first;
  std::string_view second;

  [[nodiscard]] size_t size() const { return first.size() + second.size(); }
  [[nodiscard]] Pieces prefix(size_t count) const {
    const size_t rest = count - std::min(count, first.size());
    return {first.substr(0, count), second.substr(0, rest)};
  }
  void remove_prefix(size_t count) {
    const size_t of_first = std::min(count, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(count - of_first);
  }
};

class Wire {
 public:
  enum class Kind { stream, packets, read_end, write_end };

  Wire() = default;
  explicit Wire(UniqueFd socket);
  Wire(UniqueFd pipe_end, Kind kind);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool reads() const { return fd_ && kind_ != Kind::write_end; }
  [[nodiscard]] bool writes() const { return fd_ && kind_ != Kind::read_end; }
  [[nodiscard]] bool keeps_packets() const { return kind_ == Kind::packets; }
  void close() { fd_.reset(); }

  // Writes all of the pieces, and removes from their front what was written:
  // ok, closed or timed_out. If this keeps packets, the pieces must belong to
  // one message; `begins` says whether they start at its beginning.
  Transfer write(Pieces& pieces, bool begins, Deadline deadline);

  // Reads what there is, at most the size of `room`; on a socket that keeps
  // packets, one whole packet: ok, closed or timed_out. EMSGSIZE if the packet
  // is longer than `room`.
  Transfer read(std::span<char> room, size_t& size_bytes,
                Deadline deadline) const;

  // Sets the name of the channel in the event log.
  void name(std::string channel) { channel_ = std::move(channel); }
  void log(EventKind kind, std::string_view id = "") const {
    event(kind, channel_, id);
  }

 private:
  [[nodiscard]] bool is_socket() const {
    return kind_ == Kind::stream || kind_ == Kind::packets;
  }
  [[nodiscard]] size_t write_max(bool begins) const;
  [[nodiscard]] ssize_t write_once(Pieces pieces, int flags) const;
  [[nodiscard]] bool wait(int16_t events, Deadline deadline) const;

  UniqueFd fd_;
  Kind kind_ = Kind::stream;
  size_t packet_bytes_ = kStepBytes;  // The maximum size of a packet.
  std::string channel_ = "Connection";
};

}  // namespace ipc::channel_internal
