// Wrong: the parent never asks how the child has ended.
//
// The kernel keeps its status, and for that its number and a place in the table
// of processes, until the parent asks or is gone.

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  const pid_t child = ipc::check(::fork(), "fork");
  if (child == 0) {
    ipc::name_process("Child");
    ::_exit(0);
  }
  siginfo_t info{};
  // WNOWAIT: Main learns of the end, and does not reap.
  ipc::check(
      ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT),
      "waitid");
  ipc::say("The child has ended");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("zombie", "Who clears away what is left, and when.");
  return lab.run(argc, argv, lesson);
}
