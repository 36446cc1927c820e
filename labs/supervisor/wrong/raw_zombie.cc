// Wrong: the supervisor sees that a worker has ended, and does not reap it.
//
// A pidfd that can be read says that the process has ended. Until its parent
// waits for it, the process is a zombie: it keeps its number and its place in
// the table, one for each restart.

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

std::string lesson() {
  for (int life = 1; life <= 2; ++life) {
    const pid_t self = ::getpid();
    const pid_t child = check(::fork(), "fork");
    if (child == 0) raw::be_child("Process worker", self, [] {});
    raw::say("Supervisor", "worker: started, life " + std::to_string(life));
    const auto pidfd = static_cast<int>(
        check(::syscall(SYS_pidfd_open, child, 0), "pidfd_open"));
    pollfd ended{pidfd, POLLIN, 0};
    check(retry([&] { return ::poll(&ended, 1, 10'000); }), "poll");
    // Missing: waitid(P_PIDFD, pidfd, ...).
    ::close(pidfd);
    raw::say("Supervisor", "worker: ended");
  }
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
