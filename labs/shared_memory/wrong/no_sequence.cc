// Wrong: the reader copies the numbers while the writer sets them, and cannot
// notice it. Each number is atomic; ten of them are not.

#include <atomic>
#include <new>
#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/shared_memory/board.h"
#include "labs/shared_memory/unlinker.h"

namespace {

void write(const std::string& name) {
  const auto memory = ipc::SharedMemory::open(name);
  fill(memory.as<Board>(), 9);
}

int read(const std::string& name) {
  const auto memory = ipc::SharedMemory::open(name);
  const Numbers seen = copy(memory.as<Board>());
  const int torn = seen.front() != seen.back() ? 1 : 0;
  ipc::say("Torn: {} of 1 looks, last value {}", torn, seen.front());
  return torn;
}

ipc::SharedMemory create_board() {
  return ipc::SharedMemory::create(
      ipc::unique_name("board"), sizeof(Board),
      [](void* data, size_t) { new (data) Board; });
}

// What the explorer plays in every order.
std::string one_look(ipc::Schedule& schedule) {
  const auto memory = create_board();
  const Unlinker at_end{memory};
  const ipc::Shared<std::atomic<int>> torn(0);
  schedule.add("Writer", [&] { write(memory.name()); });
  schedule.add("Reader", [&] { *torn = read(memory.name()); });
  schedule.run();
  return *torn == 0 ? "whole" : "torn";
}

std::string lesson() {
  const auto memory = create_board();
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write(memory.name()); });
  schedule.add("Reader", [&] { (void)read(memory.name()); });
  const std::string problem = schedule.play("ABA");
  memory.unlink();
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_sequence", "A copy of ten numbers that change.");
  lab.explores("look", one_look, {.inner = true});
  return lab.run(argc, argv, lesson);
}
