// Wrong: a pointer into the memory is used after close(). Nothing warns: the
// address is the same, but no memory is mapped there any more.

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void read(ipc::SharedMemory& memory) {
  const auto* const number = static_cast<const volatile int*>(memory.data());
  memory.close();
  ipc::say("Saw {}", int{*number});
}

std::string lesson() {
  auto memory =
      ipc::SharedMemory::create(ipc::unique_name("board"), sizeof(int));
  ipc::Process reader("Reader", [&] { read(memory); });
  const int status = reader.join();
  memory.unlink();
  return status == 0 ? "" : "the reader was " + ipc::describe_status(status);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("used_after_close", "A reader that closes the memory.");
  return lab.run(argc, argv, lesson);
}
