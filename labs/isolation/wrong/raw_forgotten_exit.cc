// Wrong: nothing ends the child after its part. fork(2) returns twice, so both
// processes go on with all that follows: the child says Main's lines as well,
// with its own number, and both say that all is well.

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

std::string lesson() {
  int number = 7;
  const pid_t child = ipc::check(::fork(), "fork");
  if (child == 0) {
    number = 42;
    raw::say("Child", "My number is " + std::to_string(number));
    // Missing: ::_exit(0);
  }
  (void)ipc::retry([&] { return ::waitpid(child, nullptr, 0); });
  raw::say("Main", "My number is still " + std::to_string(number));
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
