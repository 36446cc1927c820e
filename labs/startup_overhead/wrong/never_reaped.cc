// Wrong: starts a process for each task and never waits for its end.
//
// Each is a zombie when it has ended: no memory, but a number and a line in the
// table of processes, which has only so many lines.

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

constexpr int kTasks = 3;

std::string lesson() {
  for (int task = 0; task < kTasks; ++task) {
    const pid_t pid = ::fork();
    if (ipc::check(pid, "fork") == 0) ::_exit(0);
    // Waits until it has ended, and leaves it where it is.
    siginfo_t info{};
    ipc::check(
        ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT),
        "waitid");
  }
  ipc::say("Started {} processes", kTasks);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("never_reaped", "What it costs to start something.");
  return lab.run(argc, argv, lesson);
}
