// Wrong: closes the memory, and does no more than that.
//
// Closing says that this process is done with it. The name stays, and the
// memory with it; Python's contextlib.closing leaves them, too.

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  auto memory =
      ipc::SharedMemory::create(ipc::unique_name("numbers"), sizeof(int));
  memory.as<int>() = 42;
  ipc::say("Wrote {}", memory.as<int>());
  memory.close();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("closed_not_unlinked",
               "Who clears away what is left, and when.");
  return lab.run(argc, argv, lesson);
}
