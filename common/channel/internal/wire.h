// The descriptor below a Connection: how bytes get into the kernel and out of
// it, on a pipe, a stream, or a socket that keeps packets apart.
//
// Invariant: a socket blocks, and each call says whether it may wait. A pipe
//            cannot be told, and one that blocks could outlast any deadline, so
//            it does not block.
// Packets:   a message goes in packets of its own, one or more, and none has
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

// A long message is made room for in steps, so that what the kernel writes to
// is still in a cache, and none is made for what never comes. It also goes in
// packets of this size: the longer they are, the less the kernel does.
inline constexpr size_t kStepBytes = 512 << 10;

// What is to be written: both, one after the other.
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

  // Writes all of the pieces, and takes off their front what has gone: ok,
  // closed or timed_out. They are of one message, if this keeps packets, and
  // `begins` says that they are so from its beginning.
  Transfer write(Pieces& pieces, bool begins, Deadline deadline);

  // Reads what there is, up to the size of `room`, and on a socket that keeps
  // packets one of them whole: ok, closed or timed_out.
  Transfer read(std::span<char> room, size_t& size_bytes,
                Deadline deadline) const;

  // The name that the event log has for the channel.
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
  size_t packet_bytes_ = kStepBytes;  // Of a packet, at most.
  std::string channel_ = "Connection";
};

}  // namespace ipc::channel_internal
