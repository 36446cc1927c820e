// Wrong: worker 0 releases at the end of its work and, to be safe, once again.
// An ordinary semaphore believes it: now there are three permits.

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
  explicit Board(uint32_t count) : permits(count) {}

  ipc::Semaphore permits;
  std::atomic<int> holders{0};
};

void work(Board& board, bool is_first) {
  board.permits.acquire();
  ++board.holders;
  ipc::say("Acquired the semaphore");
  ipc::point("with a permit");
  --board.holders;
  ipc::say("Releasing the semaphore");
  board.permits.release();
  if (is_first) board.permits.release();
}

void add_workers(ipc::Schedule& schedule, Board& board, int count) {
  for (int i = 0; i < count; ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&, i] { work(board, i == 0); });
  }
}

// What the explorer plays in every order: one permit becomes two.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board(1U);
  schedule.show("holders", [&] { return std::to_string(board->holders); });
  schedule.always(
      [&] { return board->holders > 1 ? "2 holders of 1 permit" : ""; });
  add_workers(schedule, *board, 3);
  schedule.run();
  return "1 at a time";
}

std::string lesson() {
  const ipc::Shared<Board> board(2U);
  ipc::Schedule schedule(true);
  add_workers(schedule, *board, 4);
  return schedule.play("AABCDBCD");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("released_twice",
               "Five workers, two permits, at most two holders.");
  lab.explores("workers", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
