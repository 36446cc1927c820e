// Wrong: a worker says that it has released after it has. In between another
// one acquires, and the log shows three holders of two permits.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/semaphore.h"

namespace {

struct Board {
  ipc::Semaphore permits{2};
  std::atomic<int> in_log{0};  // Holders, by what was said.
};

void work(Board& board) {
  board.permits.acquire();
  ipc::say("Acquired the semaphore");
  ++board.in_log;
  ipc::point("with a permit");
  board.permits.release();
  ipc::point("released");
  --board.in_log;
  ipc::say("Released the semaphore");
}

void add_workers(ipc::Schedule& schedule, Board& board) {
  for (int i = 0; i < 3; ++i) {
    schedule.add("Worker " + std::to_string(i), [&] { work(board); });
  }
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  const auto in_log = [&] { return std::to_string(board->in_log); };
  schedule.show("holders in the log", in_log);
  schedule.always([&] {
    return board->in_log > 2 ? in_log() + " holders of 2 permits" : "";
  });
  add_workers(schedule, *board);
  schedule.run();
  return "at most 2 holders";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_workers(schedule, *board);
  return schedule.play("ABCAABBCC");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("said_too_late",
               "Five workers, two permits, at most two holders.");
  lab.explores("workers", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
