// What Left and Right do with a message that may be too long for the buffer.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/channel/connection.h"
#include "common/report/report.h"

struct Side {
  ipc::Connection data;
  ipc::Connection words;  // Short ones, by which the two wait for each other.
  size_t size_bytes;      // Of the message.
};

// Sends what fits, and keeps the rest of the message for later.
inline void begin_to_send(Side& me) {
  ipc::say("Sending {} bytes", me.size_bytes);
  const std::string message(me.size_bytes, 'x');
  const auto how = me.data.send_until(message, ipc::Deadline::at_ns(0));
  if (how == ipc::Transfer::partial) {  // [partial]
    ipc::say("The buffer is full, so I have to wait");
  }
}

inline void send_rest(Side& me) {
  ipc::ensure(me.data.flush_until(ipc::Deadline::never()));  // [flush]
  ipc::say("Sent {} bytes", me.size_bytes);
}

inline void send(Side& me) {
  ipc::say("Sending {} bytes", me.size_bytes);
  ipc::ensure(me.data.send(std::string(me.size_bytes, 'x')));
  ipc::say("Sent {} bytes", me.size_bytes);
}

inline void receive(Side& me) {
  if (const auto message = me.data.receive()) {
    ipc::say("Got {} bytes", message->size());
  }
}

// Returns when the other side has called it too, or is dead.
inline void meet(Side& me) {
  (void)me.words.send("I am here");
  (void)me.words.receive();
}
