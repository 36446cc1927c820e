// Wrong: forks, execs, and does not look how the child ended.
//
// If the program is not there, fork has worked, so nothing fails here, and it
// is the fastest start of all.

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/report/measure.h"
#include "common/report/report.h"

namespace {

constexpr int kRounds = 3;

std::string program = "/bin/true";

double start() {
  return ipc::timed_s([] {
    const pid_t pid = ::fork();
    if (ipc::check(pid, "fork") == 0) {
      ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(127);
    }
    ipc::check(::waitpid(pid, nullptr, 0), "waitpid");
  });
}

std::string lesson() {
  const auto times = ipc::measure(kRounds, {start});
  ipc::say("Spawn: {}", ipc::describe_s(ipc::spread(times[0])));
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("status_ignored", "What it costs to start something.");
  lab.option("--program", program, "what is started");
  return lab.run(argc, argv, lesson);
}
