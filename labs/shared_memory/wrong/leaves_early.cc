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

constexpr int kLast = 9;
constexpr int kLooks = 15;
constexpr int kLongest = 300;

void write(const std::string& name) {
  const auto memory = ipc::SharedMemory::open(name);
  auto& board = memory.as<Board>();
  for (int number = 0; number <= kLast; ++number) {
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
  constexpr auto kFinished = ipc::Schedule::State::finished;
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write(memory.name()); });
  schedule.add("Reader", [&] { read(memory.name()); });
  // The times of the guide, in tenths of a second: a number every 0.5 s, and a
  // look every 0.3 s.
  for (int time = 0; time < kLongest; ++time) {
    for (const size_t process : {0, 1}) {
      const bool is_time = time % (process == 0 ? 5 : 3) == 0;
      if (is_time && schedule.state(process) != kFinished) {
        (void)schedule.step(process);
      }
    }
  }
  memory.unlink();
  return schedule.state(1) == kFinished ? "" : "the reader looks forever";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("leaves_early",
               "A writer, and a reader that looks now and then.");
  return lab.run(argc, argv, lesson);
}
