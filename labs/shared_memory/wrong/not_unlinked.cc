// Wrong: every process closes the memory, but none removes its name. It stays
// until the machine is restarted.

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/report/report.h"

namespace {

std::string lesson() {
  auto memory =
      ipc::SharedMemory::create(ipc::unique_name("board"), sizeof(int));
  memory.close();  // It ends my use of it, and no more.
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("not_unlinked", "The end of a piece of memory.");
  return lab.run(argc, argv, lesson);
}
