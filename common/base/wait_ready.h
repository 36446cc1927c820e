// Waiting until a descriptor is ready, which an explorer can see.
//
// Blocks: at most until the deadline: in poll(2), or, if a Schedule gives this
//         process a time of its own, at its gate.
// Errors: std::system_error.
// See:    poll(2), hooks.h.
#pragma once

#include <poll.h>

#include <span>

#include "common/base/clock.h"

namespace ipc {

// Waits until one of `fds` is ready; false at the deadline.
bool wait_ready(std::span<pollfd> fds, Deadline deadline);

// The same for one descriptor.
inline bool wait_ready(int fd, int16_t events, Deadline deadline) {
  pollfd poll_fd{fd, events, 0};
  return wait_ready({&poll_fd, 1}, deadline);
}

// Whether a read or a write waits in the kernel, or fails with EAGAIN: for all
// who have a copy of this descriptor.
void set_blocking(int fd, bool blocking);

// Waits for ever before a read or a write that blocks by itself; only at the
// gate, since without one the call itself will do.
void wait_at_gate(int fd, int16_t events);

}  // namespace ipc
