#include "common/process/signals.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/errors.h"

namespace ipc {

void ignore_sigpipe() { ::signal(SIGPIPE, SIG_IGN); }

bool is_ignored(int number) {
  struct sigaction action {};
  check(::sigaction(number, nullptr, &action), "sigaction");
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
}

void keep_child_statuses() {
  struct sigaction action {};
  check(::sigaction(SIGCHLD, nullptr, &action), "sigaction");
  const bool ignored = is_ignored(SIGCHLD);
  if (!ignored && (action.sa_flags & SA_NOCLDWAIT) == 0) return;
  if (ignored) action.sa_handler = SIG_DFL;
  action.sa_flags &= ~SA_NOCLDWAIT;
  check(::sigaction(SIGCHLD, &action, nullptr), "sigaction");
}

namespace {

sigset_t only(int number) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  return set;
}

bool is_pending(int number) {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, number) == 1;
}

}  // namespace

SigpipeHeldBack::SigpipeHeldBack() {
  const sigset_t sigpipe = only(SIGPIPE);
  check_zero(::pthread_sigmask(SIG_BLOCK, &sigpipe, &old_mask_),
             "pthread_sigmask");
  // Only in a thread that had blocked it already can a SIGPIPE be pending.
  was_pending_ = ::sigismember(&old_mask_, SIGPIPE) == 1 && is_pending(SIGPIPE);
}

void SigpipeHeldBack::take_back() {
  // A signal that was pending before is not ours to take, and ours is merged
  // with it.
  if (was_pending_) return;
  const sigset_t sigpipe = only(SIGPIPE);
  const timespec at_once{};
  retry([&] { return ::sigtimedwait(&sigpipe, nullptr, &at_once); });
  errno = EPIPE;
}

SigpipeHeldBack::~SigpipeHeldBack() {
  const int error = errno;  // That of the write, for the caller.
  ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  errno = error;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) {
    const bool may_stay = number == SIGHUP || number == SIGINT ||
                          number == SIGQUIT || number == SIGPIPE;
    if (may_stay && is_ignored(number)) continue;
    // Some belong to the C library or cannot be changed; those stay as they
    // were.
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  check(::sigprocmask(SIG_SETMASK, &none, nullptr), "sigprocmask");
}

SizeLimitIsAnError::SizeLimitIsAnError() : was_pending_(is_pending(SIGXFSZ)) {
  const sigset_t size_limit = only(SIGXFSZ);
  check_zero(::pthread_sigmask(SIG_BLOCK, &size_limit, &old_mask_),
             "pthread_sigmask");
}

// Takes back the signal of our own write before it can be delivered.
SizeLimitIsAnError::~SizeLimitIsAnError() {
  if (!was_pending_) {
    const sigset_t size_limit = only(SIGXFSZ);
    const timespec at_once{};
    ::sigtimedwait(&size_limit, nullptr, &at_once);
  }
  ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

SignalQueue::SignalQueue(const std::vector<int>& signals) {
  sigset_t mask;
  ::sigemptyset(&mask);
  for (const int number : signals) ::sigaddset(&mask, number);
  // First the call that may fail: else signals would stay blocked.
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
