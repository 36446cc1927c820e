// The half of a Connection that sends.
//
// Invariant: unsent_ is what was promised to go and has not gone: messages with
//            their headers, in order. Of the first only the end may be left;
//            then it has left_ bytes if the wire keeps packets, and left_ is 0
//            if a header is in front. While anything is unsent no other message
//            goes past it.
// Deadline:  never cuts a message in two: either nothing of it has gone and
//            nothing is kept, or all that has not gone is in unsent_.
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
  // Sends a message, without a copy if it goes at once: ok, closed, timed_out
  // (nothing of it has gone), or partial. Requires: nothing is unsent.
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
