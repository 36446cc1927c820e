// Wrong: waits for any child, and takes it for the one that it means.
//
// waitpid(-1) returns the first child that has ended. That is the stable worker
// here, with status 0, and the supervisor believes that the unstable one has
// completed its work.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

pid_t start(const char* name, int gate, int status) {
  const pid_t self = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child != 0) return child;
  raw::be_child(name, self, [&] {
    char byte = 0;
    check(retry([&] { return ::read(gate, &byte, 1); }), "read");
    if (status != 0) raw::say(name, "failed: simulated failure");
    ::_exit(status);
  });
}

std::string lesson() {
  std::array<int, 2> first{};
  std::array<int, 2> second{};
  check(::pipe2(first.data(), O_CLOEXEC), "pipe2");
  check(::pipe2(second.data(), O_CLOEXEC), "pipe2");
  const pid_t stable = start("Process stable-worker", first[0], 0);
  start("Process unstable-worker", second[0], 1);
  check(retry([&] { return ::write(first[1], "", 1); }), "write");
  siginfo_t how{};  // The order is arranged: the stable one ends first.
  check(retry([&] {
          return ::waitid(P_PID, static_cast<id_t>(stable), &how,
                          WEXITED | WNOWAIT);
        }),
        "waitid");
  check(retry([&] { return ::write(second[1], "", 1); }), "write");
  int status = 0;  // It should wait for the unstable one, by its number.
  check(retry([&] { return ::waitpid(-1, &status, 0); }), "waitpid");
  raw::say("Supervisor", status == 0
                             ? "unstable-worker: completed"
                             : "unstable-worker: ended: failed: simulated "
                               "failure, exit status 1");
  check(retry([&] { return ::waitpid(-1, nullptr, 0); }), "waitpid");
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
