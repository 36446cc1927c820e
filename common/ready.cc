#include "common/ready.h"

#include <errno.h>

#include "common/errors.h"
#include "common/point.h"

namespace ipc {

bool wait_ready(std::span<pollfd> fds, Deadline deadline) {
  if (Gate* const own = gate()) [[unlikely]] {
    if (own->wait_ready(fds, deadline.ns())) deadline = Deadline::at_ns(0);
  }
  while (true) {
    const int ready = ::poll(fds.data(), fds.size(), deadline.poll_ms());
    if (ready > 0) return true;
    if (ready == -1 && errno != EINTR) throw_error(errno, "poll");
    if (deadline.expired()) return false;
  }
}

void wait_at_gate(int fd, int16_t events) {
  pollfd poll_fd{fd, events, 0};
  if (Gate* const own = gate()) [[unlikely]] {
    (void)own->wait_ready({&poll_fd, 1}, Deadline::never().ns());
  }
}

}  // namespace ipc
