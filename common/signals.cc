#include "common/signals.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/errors.h"

namespace ipc {

void ignore_sigpipe() { ::signal(SIGPIPE, SIG_IGN); }

void reset_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  check(::sigprocmask(SIG_SETMASK, &none, nullptr), "sigprocmask");
}

SignalQueue::SignalQueue(std::initializer_list<int> signals) {
  sigset_t mask;
  ::sigemptyset(&mask);
  for (const int number : signals) ::sigaddset(&mask, number);
  // First what may fail: then no signal is blocked that nobody would unblock.
  fd_.reset(
      check(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
  check(::sigprocmask(SIG_BLOCK, &mask, &old_mask_), "sigprocmask");
}

SignalQueue::~SignalQueue() { ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr); }

std::optional<int> SignalQueue::next_until(Deadline deadline) {
  signalfd_siginfo info{};
  while (true) {
    const ssize_t size =
        retry([&] { return ::read(fd_.get(), &info, sizeof info); });
    if (size == sizeof info) return static_cast<int>(info.ssi_signo);
    if (errno != EAGAIN) throw_error(errno, "read signalfd");
    if (deadline.expired()) return std::nullopt;
    pollfd poll_fd{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, deadline.poll_ms());
    if (ready == -1 && errno != EINTR) throw_error(errno, "poll");
  }
}

}  // namespace ipc
