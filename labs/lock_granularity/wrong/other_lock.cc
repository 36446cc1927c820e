// Wrong: few locks for many counters, and two opinions on which guards which.
//
// Worker 0 finds the lock of counter 6 by the remainder, worker 1 by the
// quotient. Each holds a lock, but not the same one.

#include <array>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/lock.h"

namespace {

constexpr size_t kCounters = 16;
constexpr size_t kLocks = 4;
constexpr size_t kIndex = 6;  // The counter that both count.

struct Board {
  std::array<ipc::Lock, kLocks> locks;
  std::array<int, kCounters> counters{};
};

void count(ipc::Lock& lock, int& counter) {
  const ipc::Guard guard(lock);
  const int seen = counter;
  ipc::point("after load");
  counter = seen + 1;
}

void add_workers(ipc::Schedule& schedule, Board& board) {
  schedule.add("Worker 0", [&] {
    count(board.locks[kIndex % kLocks], board.counters[kIndex]);
  });
  schedule.add("Worker 1", [&] {
    count(board.locks[kIndex / kLocks], board.counters[kIndex]);
  });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  const auto total = [&] { return std::to_string(board->counters[kIndex]); };
  schedule.show("total", total);
  add_workers(schedule, *board);
  schedule.run();
  return total() + " of 2";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_workers(schedule, *board);
  const std::string problem = schedule.play("ABAB");
  ipc::say("Total {} of 2", board->counters[kIndex]);
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("other_lock", "One lock, many locks, or none.");
  lab.explores("count", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
