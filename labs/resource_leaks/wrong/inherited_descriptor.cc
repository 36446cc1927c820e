// Wrong: a pipe without O_CLOEXEC, and then a program is executed.
//
// The program gets both ends of a pipe of which it knows nothing. It will not
// close them, and as long as it lives no reader sees the end of that pipe.

#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  int ends[2];
  ipc::check(::pipe(ends), "pipe");  // Not pipe2(ends, O_CLOEXEC).
  const ipc::UniqueFd reader(ends[0]);
  const ipc::UniqueFd writer(ends[1]);
  // It runs for a while, so that there is a process to look at.
  ipc::Process program("Program",
                       [] { ::execlp("sleep", "sleep", "1", nullptr); });
  const int status = program.join();
  ipc::say("The program ended: {}", ipc::describe_status(status));
  return status == 0 ? "" : "the program failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("inherited_descriptor",
               "Who clears away what is left, and when.");
  return lab.run(argc, argv, lesson);
}
