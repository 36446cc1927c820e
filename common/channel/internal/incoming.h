// The half of a Connection that receives.
//
// Invariant: what has come is, in this order, begun_ and held_; what follows is
//            still in the kernel.
//            begun_ is the message that is being received, if its header has
//            come and was taken: a length that is accepted, room for so many
//            bytes, and those of them that have come.
//            held_ begins with a header, or a part of one. If this does not
//            read ahead it has no byte of a second message, so that a copy of
//            the end in another process finds the next one whole.
// Errors:    one leaves the message where it was, and it is met again.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/channel/internal/frame.h"
#include "common/channel/internal/wire.h"
#include "common/channel/transfer.h"

namespace ipc::channel_internal {

class Incoming {
 public:
  explicit Incoming(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Receives one message: ok, closed, truncated or timed_out.
  Received receive(const Wire& wire, Deadline deadline);

  // receive() would not read: a message is there, or one that is refused.
  [[nodiscard]] bool holds_message() const;

  void read_ahead() { reads_ahead_ = true; }
  void set_max_bytes(int64_t max_bytes) { max_bytes_ = max_bytes; }
  void clear();

 private:
  struct Begun {
    std::string message;
    size_t size_bytes;  // Of all of it,
    size_t done;        // of which so many have come.
  };

  [[nodiscard]] bool accepts(int64_t length) const {
    return 0 <= length && length <= max_bytes_;
  }
  bool begin();
  size_t take(std::string_view bytes);
  Transfer read_header(const Wire& wire, Deadline deadline);
  Transfer read_body(const Wire& wire, Deadline deadline);

  int64_t max_bytes_;
  bool reads_ahead_ = false;
  ByteQueue held_;
  std::optional<Begun> begun_;
};

}  // namespace ipc::channel_internal
