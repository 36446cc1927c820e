// Wrong: closes the memory, and takes that for the whole of it.
//
// To close says that this process is done. The name, and the memory with it,
// stay: so does Python's contextlib.closing leave them.

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
  ipc::Lab lab("closed_not_unlinked", "Memory that nobody unlinks.");
  return lab.run(argc, argv, lesson);
}
