// Wrong: tidies up at the end of the function, which not every path reaches.

#include <exception>
#include <stdexcept>
#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/report/report.h"

namespace {

void work(bool fails) {
  const auto memory =
      ipc::SharedMemory::create(ipc::unique_name("numbers"), sizeof(int));
  if (fails) throw std::runtime_error("simulated failure");
  memory.unlink();
}

std::string lesson() {
  work(false);
  try {
    work(true);
  } catch (const std::exception& error) {
    ipc::say("Caught: {}", error.what());
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("unlink_skipped", "Who clears away what is left, and when.");
  return lab.run(argc, argv, lesson);
}
