// Wrong: the page is mapped, but privately. Parent and child have it at the
// same address, and the first write gives the writer a copy of its own.

#include <sys/mman.h>

#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  void* const page = ::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  int& number = *static_cast<int*>(page);
  number = 7;
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
  ipc::Lab lab("private_page", "What a parent sees of what its child does.");
  return lab.run(argc, argv, lesson);
}
