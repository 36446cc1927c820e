// Wrong: the lock is held for the load and, again, for the store. Between the
// two it is free, and the number that was loaded may become outdated.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/lock.h"

namespace {

struct Board {
  ipc::Lock lock;
  int counter = 0;
};

void increment(Board& board) {
  ipc::Guard guard(board.lock);
  const int seen = board.counter;
  guard.unlock();
  ipc::point("after load");
  guard.lock();
  board.counter = seen + 1;
  ipc::say("Incremented counter to {}", seen + 1);
}

void add_workers(ipc::Schedule& schedule, Board& board) {
  schedule.add("Worker 0", [&] { increment(board); });
  schedule.add("Worker 1", [&] { increment(board); });
}

// What the explorer plays in every order.
std::string increment_once_each(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  const auto value = [&] { return std::to_string(board->counter); };
  schedule.show("counter", value);
  add_workers(schedule, *board);
  schedule.run();
  return value();
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_workers(schedule, *board);
  const std::string problem = schedule.play("ABAB");
  ipc::say("Final counter value (with lock): {}", board->counter);
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("unlocked_too_early", "A counter and a shared lock.");
  lab.explores("increments", increment_once_each, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
