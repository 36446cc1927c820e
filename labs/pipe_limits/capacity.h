// How much a channel takes before the other side has to receive.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/report/report.h"

// Writes until the kernel takes no more; returns how many bytes it took. Makes
// the descriptor non-blocking, as otherwise the last write would not return.
inline size_t fill(const ipc::Connection& end, size_t size_bytes) {
  ipc::check(::fcntl(end.fd(), F_SETFL, O_NONBLOCK), "fcntl");
  const std::string bytes(size_bytes, 'x');
  size_t total_bytes = 0;
  while (true) {
    const ssize_t size = ipc::retry(
        [&] { return ::write(end.fd(), bytes.data(), bytes.size()); });
    if (size == -1 && errno == EAGAIN) return total_bytes;  // [full]
    total_bytes += static_cast<size_t>(ipc::check(size, "write"));
  }
}

// Says how much a pipe and a socket pair take; returns that of the latter.
inline size_t measure(size_t size_bytes) {
  const auto pipe = ipc::make_one_way_connections();
  const auto sockets = ipc::make_connections();
  const size_t pipe_bytes = fill(pipe.second, size_bytes);
  const size_t socket_bytes = fill(sockets.first, size_bytes);
  ipc::say("In writes of {}: a pipe holds {} bytes, a socket pair {}",
           size_bytes, pipe_bytes, socket_bytes);
  return socket_bytes;
}
