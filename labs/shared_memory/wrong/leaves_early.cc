// Wrong: the reader looks 15 times, as in the guide, and believes that the
// writer is done by then. It looks every 0.3 s, and the writer sets every 0.5
// s.

#include <new>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/shared_memory/board.h"

namespace {

constexpr int kLooks = 15;

void write(const std::string& name) {
  const auto memory = ipc::SharedMemory::open(name);
  auto& board = memory.as<Board>();
  for (int number = 0; number < 10; ++number) {
    for (auto& item : board.numbers) item.store(number);
    ipc::point("set");
  }
}

void read(const std::string& name) {
  const auto memory = ipc::SharedMemory::open(name);
  Numbers seen{};
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) ipc::point("looked");
    seen = copy(memory.as<Board>());
  }
  ipc::say("Torn: 0 of {} looks, last value {}", kLooks, seen.front());
}

std::string lesson() {
  const auto memory =
      ipc::SharedMemory::create(ipc::unique_name("board"), sizeof(Board),
                                [](void* data, size_t) { new (data) Board; });
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write(memory.name()); });
  schedule.add("Reader", [&] { read(memory.name()); });
  // The times of the guide: 9 numbers in 4.5 s, and 15 looks.
  const std::string problem = schedule.play("ABBABBABABBABBABABBABBABAA");
  memory.unlink();
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("leaves_early", "A reader that goes before the last number.");
  return lab.run(argc, argv, lesson);
}
