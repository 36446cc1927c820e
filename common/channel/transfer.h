// What became of a message that was to be sent or received over a Connection.
//
// See connection.h, which includes this.
#pragma once

#include <string>

namespace ipc {

enum class Transfer {
  ok,
  closed,     // The other end is closed, and no message is left.
  timed_out,  // The deadline has passed, and nothing was sent or received.
  truncated,  // The peer went away inside a message.
  partial,    // The deadline has passed inside a message that is being sent.
};

// "ok", "closed", "timed out", "truncated" or "partial".
const char* describe(Transfer status);

// For a caller that takes success for granted: std::runtime_error, which says
// what it is instead, unless the status is `ok`.
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
