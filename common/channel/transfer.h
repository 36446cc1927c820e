// What became of a message that was to be sent or received over a Connection.
//
// See connection.h, which includes this.
#pragma once

#include <string>

namespace ipc {

enum class Transfer {
  ok,
  closed,     // The other end is closed, and no message is left.
  timed_out,  // The deadline has passed: no message was sent or received.
  truncated,  // The peer closed its end, or died, inside a message.
  partial,    // The deadline has passed after a part of a message was sent.
};

// "ok", "closed", "timed out", "truncated" or "partial".
const char* describe(Transfer status);

// For a caller that takes success for granted: throws std::runtime_error, which
// names the status, unless it is `ok`.
void ensure(Transfer status);

// What receive() returns: a message, or why there is none.
struct Received {
  Transfer status = Transfer::ok;
  std::string message;

  explicit operator bool() const { return status == Transfer::ok; }
  const std::string& operator*() const { return message; }
  const std::string* operator->() const { return &message; }
};

}  // namespace ipc
