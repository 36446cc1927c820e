// Waits until a descriptor is ready, in a way that the explorer can see.
//
// Blocks: at most until the deadline, in poll(2). If a Schedule gives this
//         process a time of its own, it waits at its gate instead.
// Errors: std::system_error.
// See:    poll(2), hooks.h.
#pragma once

#include <poll.h>

#include <span>

#include "common/base/clock.h"

namespace ipc {

// Waits until one of `fds` is ready, and sets `revents` as poll(2) does; false
// at the deadline. EINTR does not end the wait.
bool wait_ready(std::span<pollfd> fds, Deadline deadline);

// The same for one descriptor.
inline bool wait_ready(int fd, int16_t events, Deadline deadline) {
  pollfd poll_fd{fd, events, 0};
  return wait_ready({&poll_fd, 1}, deadline);
}

// Sets whether a read or a write waits in the kernel or fails with EAGAIN. This
// holds for every process that has a copy of this descriptor.
void set_blocking(int fd, bool blocking);

// To be called before a read or a write that blocks. Waits at the gate, without
// a limit, until the descriptor is ready; without a gate it returns at once,
// since the read or write itself will wait.
void wait_at_gate(int fd, int16_t events);

}  // namespace ipc
