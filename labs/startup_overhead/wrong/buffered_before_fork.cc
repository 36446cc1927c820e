// Wrong: forks with a line still in the buffer of stdio.
//
// The child gets a copy of the buffer with all the rest of the memory, and an
// ordinary exit prints what is in it: so the line is there twice.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"

namespace {

std::string lesson() {
  (void)std::setvbuf(stdout, nullptr, _IOFBF, BUFSIZ);
  std::puts("Main: Act 1: what does a child get, and when does it pay?");
  const pid_t pid = ::fork();
  if (ipc::check(pid, "fork") == 0) std::exit(0);
  ipc::check(::waitpid(pid, nullptr, 0), "waitpid");
  (void)std::fflush(stdout);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("buffered_before_fork", "What it costs to start something.");
  return lab.run(argc, argv, lesson);
}
