// Wrong: the only process that knows the name is killed.
//
// Its destructors would have removed the name. SIGKILL runs none of them, and
// no process that lives knows what to remove.

#include <signal.h>

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

struct NamedMemory {
  ipc::SharedMemory memory;
  ~NamedMemory() { memory.unlink(); }
};

void work() {
  const NamedMemory numbers{
      ipc::SharedMemory::create(ipc::unique_name("numbers"), sizeof(int))};
  ::raise(SIGKILL);
}

std::string lesson() {
  const int status = ipc::Process("Worker", work).join();
  ipc::say("The worker was {}", ipc::describe_status(status));
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_heir", "Who clears away what is left, and when.");
  return lab.run(argc, argv, lesson);
}
