// The half of a Connection that receives.
//
// Invariant: the bytes that were read are in begun_ and, after these, in held_;
//            the bytes that follow are still in the kernel.
//            begun_ is the message that is being received, once its header was
//            taken: an accepted length, memory for that many bytes, and those
//            of them that have come.
//            held_ begins with a header, or a part of one. Without read_ahead()
//            it has no byte of a second message, so that a copy of the end in
//            another process finds the next message whole.
// Errors:    after an exception the message is where it was, and the next call
//            meets it again.
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

  // Whether receive() would not read(2): it has a whole message, or a length
  // that it will refuse.
  [[nodiscard]] bool holds_message() const;

  void read_ahead() { reads_ahead_ = true; }
  void set_max_bytes(int64_t max_bytes) { max_bytes_ = max_bytes; }
  void clear();

 private:
  struct Begun {
    std::string message;
    size_t size_bytes;  // Of the whole message.
    size_t done;        // How many of these bytes have come.
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
