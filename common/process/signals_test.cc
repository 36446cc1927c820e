#include "common/process/signals.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/process/process.h"

namespace {

using ipc::Deadline;

TEST(Signals, AQueueHandsOutABlockedSignal) {
  ipc::SignalQueue queue({SIGUSR1});
  ::raise(SIGUSR1);
  EXPECT_EQ(queue.next(), SIGUSR1);
  EXPECT_EQ(queue.next_until(Deadline::after(0.001)), std::nullopt);
}

TEST(Signals, ItsDescriptorIsReadableWhenASignalIsPending) {
  ipc::SignalQueue queue({SIGUSR1});
  pollfd poll_fd{queue.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0);
  ::raise(SIGUSR1);
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 1);
  EXPECT_EQ(queue.next(), SIGUSR1);
}

TEST(Signals, AQueueReportsTheDeathOfAChild) {
  ipc::SignalQueue queue({SIGCHLD});
  ipc::Process child("child", [] {});
  EXPECT_EQ(queue.next(), SIGCHLD);
  EXPECT_EQ(child.join(), 0);
}

TEST(Signals, TheDestructorOfAQueueRestoresTheMask) {
  sigset_t before;
  sigset_t after;
  ::sigprocmask(SIG_SETMASK, nullptr, &before);
  { const ipc::SignalQueue queue({SIGUSR2}); }
  ::sigprocmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(::sigismember(&before, SIGUSR2), ::sigismember(&after, SIGUSR2));
}

TEST(Signals, WithSigpipeIgnoredAWriteWithoutReaderIsAnError) {
  ipc::Process child("child", [] {
    ipc::ignore_sigpipe();
    std::array<int, 2> fds{};
    if (::pipe(fds.data()) != 0) ::_exit(2);
    ::close(fds[0]);
    ::_exit(::write(fds[1], "x", 1) == -1 && errno == EPIPE ? 0 : 1);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST(Signals, AQueueThatCannotBeMadeLeavesNothingBlocked) {
  ipc::Process child("child", [] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    try {
      const ipc::SignalQueue queue({SIGINT});
      ::_exit(2);
    } catch (const std::system_error&) {
      sigset_t now;
      ::sigprocmask(SIG_SETMASK, nullptr, &now);
      ::_exit(::sigismember(&now, SIGINT));
    }
  });
  EXPECT_EQ(child.join(), 0);
}

TEST(Signals, KeepingStatusesLeavesAHandlerInPlace) {
  ipc::Process child("child", [] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_NOCLDWAIT | SA_RESTART;
    ::sigaction(SIGCHLD, &action, nullptr);
    ipc::keep_child_statuses();
    struct sigaction now {};
    ::sigaction(SIGCHLD, nullptr, &now);
    if (now.sa_handler != action.sa_handler) ::_exit(1);
    ::_exit((now.sa_flags & (SA_NOCLDWAIT | SA_RESTART)) == SA_RESTART ? 0 : 2);
  });
  EXPECT_EQ(child.join(), 0);
}

TEST(Signals, ProgramsThatAreStartedDoNotInheritAQueue) {
  const ipc::SignalQueue queue({SIGUSR1});
  EXPECT_EQ(::fcntl(queue.fd(), F_GETFD), FD_CLOEXEC);
}

// Whether a write to a pipe without a reader fails with EPIPE under
// without_sigpipe().
bool writes_in_vain() {
  std::array<int, 2> fds{};
  if (::pipe(fds.data()) != 0) ::_exit(2);
  ::close(fds[0]);
  const ssize_t size =
      ipc::without_sigpipe([&] { return ::write(fds[1], "x", 1); });
  const bool epipe = size == -1 && errno == EPIPE;
  ::close(fds[1]);
  return epipe;
}

bool sigpipe_is_pending() {
  sigset_t pending;
  ::sigpending(&pending);
  return ::sigismember(&pending, SIGPIPE) == 1;
}

TEST(Signals, AWriteThatHoldsSigpipeBackLeavesNoTraceOfIt) {
  ipc::Process child("child", [] {
    ::signal(SIGPIPE, SIG_DFL);
    if (!writes_in_vain() || sigpipe_is_pending()) ::_exit(1);
    // Also in a thread that has blocked the signal.
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGPIPE);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    if (!writes_in_vain() || sigpipe_is_pending()) ::_exit(2);
    // A signal that is pending already is not ours to take.
    ::raise(SIGPIPE);
    if (!writes_in_vain() || !sigpipe_is_pending()) ::_exit(3);
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);  // It ends us.
    ::_exit(4);
  });
  EXPECT_EQ(child.join(), -SIGPIPE);
}

}  // namespace
