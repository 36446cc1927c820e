#include "common/base/wait_ready.h"

#include <errno.h>
#include <fcntl.h>

#include <algorithm>

#include "common/base/errors.h"
#include "common/base/hooks.h"

namespace ipc {
namespace {

// False if this process has no gate, or its gate leaves the wait to the kernel.
bool wait_at_gate(std::span<pollfd> fds, Deadline deadline) {
  Gate* const own = gate();
  if (own == nullptr) [[likely]] {
    return false;
  }
  const bool reads = std::any_of(fds.begin(), fds.end(), [](pollfd one) {
    return (one.events & POLLIN) != 0;
  });
  const auto is_ready = [fds] {
    return ::poll(fds.data(), fds.size(), 0) != 0;  // Ready, or an error.
  };
  return own->wait_until(
      is_ready, reads ? "something to read" : "room to write", deadline.ns());
}

}  // namespace

bool wait_ready(std::span<pollfd> fds, Deadline deadline) {
  if (wait_at_gate(fds, deadline)) deadline = Deadline::at_ns(0);
  while (true) {
    const int ready = ::poll(fds.data(), fds.size(), deadline.poll_ms());
    if (ready > 0) return true;
    if (ready == -1 && errno != EINTR) throw_error(errno, "poll");
    if (deadline.expired()) return false;
  }
}

void set_blocking(int fd, bool blocking) {
  const int flags = check(::fcntl(fd, F_GETFL), "fcntl F_GETFL");
  const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (wanted != flags) check(::fcntl(fd, F_SETFL, wanted), "fcntl F_SETFL");
}

void wait_at_gate(int fd, int16_t events) {
  pollfd poll_fd{fd, events, 0};
  (void)wait_at_gate({&poll_fd, 1}, Deadline::never());
}

}  // namespace ipc
