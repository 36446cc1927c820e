// Wrong: it restarts the worker one time too often, since it checks only after
// a restart whether one was left.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <optional>
#include <string_view>

#include "common/base/errors.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kGrace{1000};
constexpr int kPausesMax = 8;  // The longest pause, as a multiple of the first.

class Supervisor {
 public:
  Supervisor(char** command, int restarts, milliseconds pause)
      : command_(command), restarts_left_(restarts), pause_(pause) {
    pause_max_ = pause * kPausesMax;
    ::signal(SIGCHLD, SIG_DFL);  // Our parent may have ignored it.
    ::sigemptyset(&signals_);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT}) {
      ::sigaddset(&signals_, number);
    }
    ipc::check(::sigprocmask(SIG_BLOCK, &signals_, &before_), "sigprocmask");
  }

  // Returns the exit status.
  int run() {
    for (;;) {
      const pid_t worker = start();
      const std::optional<int> status = await_end(worker, {});
      if (!status) return end(worker);
      if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return 0;
      if (restarts_left_-- < 0) {
        ::fputs("supervised_worker: the worker fails again and again\n",
                stderr);
        return 1;
      }
      if (is_asked_to_end(pause_)) return 0;
      pause_ = std::min(2 * pause_, pause_max_);
    }
  }

 private:
  pid_t start() {
    const pid_t self = ::getpid();
    const pid_t worker = ipc::check(::fork(), "fork");
    if (worker != 0) return worker;
    // The worker ends with us, even if we end before this call.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != self) ::_exit(1);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    ::execvp(command_[0], command_);
    ::fprintf(stderr, "supervised_worker: %s: %s\n", command_[0],
              ::strerror(errno));
    ::_exit(127);
  }

  // Returns the number of the signal that came, or 0 at the deadline.
  int await_signal(std::optional<steady_clock::time_point> deadline) {
    for (;;) {
      timespec left{};
      if (deadline) {
        const auto rest = std::max(*deadline - steady_clock::now(),
                                   steady_clock::duration::zero());
        const auto whole = std::chrono::floor<std::chrono::seconds>(rest);
        left.tv_sec = whole.count();
        left.tv_nsec = std::chrono::nanoseconds(rest - whole).count();
      }
      const int number =
          ::sigtimedwait(&signals_, nullptr, deadline ? &left : nullptr);
      if (number > 0) return number;
      if (errno == EAGAIN) return 0;
      if (errno != EINTR) ipc::check(-1, "sigtimedwait");
    }
  }

  // Returns how the worker has ended; nothing if we are asked to end before
  // that, or at the deadline.
  std::optional<int> await_end(
      pid_t worker, std::optional<steady_clock::time_point> deadline) {
    for (;;) {
      if (await_signal(deadline) != SIGCHLD) return {};
      int status = 0;
      const pid_t ended =
          ipc::check(::waitpid(worker, &status, WNOHANG), "waitpid");
      if (ended == worker) return status;
    }
  }

  // Ends the worker: it may finish what it does, but only within kGrace.
  int end(pid_t worker) {
    ::kill(worker, SIGTERM);
    const auto deadline = steady_clock::now() + kGrace;
    while (steady_clock::now() < deadline) {
      if (await_end(worker, deadline)) return 0;
    }
    ::kill(worker, SIGKILL);
    ipc::retry([&] { return ::waitpid(worker, nullptr, 0); });
    return 0;
  }

  bool is_asked_to_end(milliseconds pause) {
    const auto deadline = steady_clock::now() + pause;
    for (;;) {
      const int number = await_signal(deadline);
      if (number != SIGCHLD) return number != 0;
    }
  }

  char** command_;
  int restarts_left_;
  milliseconds pause_;
  milliseconds pause_max_{};
  sigset_t signals_{};
  sigset_t before_{};
};

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number < 0 || number > 1'000'000 ? std::nullopt
                                          : std::optional(number);
}

}  // namespace

int main(int argc, char** argv) {
  const auto restarts = argc > 3 ? number_in(argv[1]) : std::nullopt;
  const auto pause_ms = argc > 3 ? number_in(argv[2]) : std::nullopt;
  if (!restarts || !pause_ms) {
    ::fputs("usage: supervised_worker <restarts> <pause in ms> <command>...\n",
            stderr);
    return 2;
  }
  try {
    return Supervisor(argv + 3, *restarts, milliseconds(*pause_ms)).run();
  } catch (const std::exception& error) {
    ::fprintf(stderr, "supervised_worker: %s\n", error.what());
    return 1;
  }
}
