// Wrong: Main waits for a result in an ordinary variable. The child writes into
// its own copy, so Main finds what was there before the fork.

#include <string>

#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  int number = 7;
  ipc::Process child("Child", [&] {
    ipc::say("I set the shared number to {}", 42);
    number = 42;
  });
  if (child.join() != 0) return "the child failed";
  ipc::say("The shared number is {}", number);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ordinary_variable",
               "What a parent sees of what its child does.");
  return lab.run(argc, argv, lesson);
}
