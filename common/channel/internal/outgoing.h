// The half of a Connection that sends.
//
// Invariant: unsent_ has the messages, with their headers and in order, that
//            were accepted and not yet sent. Of the first one only the end may
//            be left. If the wire keeps packets, left_ is then the number of
//            these bytes; it is 0 if unsent_ begins with a header. While
//            anything is unsent no other message overtakes it.
// Deadline:  never cuts a message in two. Either no byte of it was sent and
//            none is kept, or all bytes that were not sent are in unsent_.
#pragma once

#include <stddef.h>

#include <string_view>

#include "common/base/clock.h"
#include "common/channel/internal/frame.h"
#include "common/channel/internal/wire.h"
#include "common/channel/transfer.h"

namespace ipc::channel_internal {

class Outgoing {
 public:
  // Sends a message, without copying it if the kernel takes it at once: ok,
  // closed, timed_out (no byte was sent), or partial. Requires: unsent() is 0.
  Transfer send(Wire& wire, std::string_view message, Deadline deadline);
  // Adds a message to what flush() sends.
  void queue(std::string_view message);
  // Sends what is unsent: ok, closed or timed_out.
  Transfer flush(Wire& wire, Deadline deadline);

  [[nodiscard]] size_t unsent() const { return unsent_.size(); }
  void clear();

 private:
  ByteQueue unsent_;
  size_t left_ = 0;
};

}  // namespace ipc::channel_internal
