// Wrong: a worker ignores the result of wait().
//
// Its partner dies in the middle of the round. Main sees that and breaks the
// barrier, so that the worker does not wait in vain; but the worker takes the
// broken barrier for a complete round.

#include <signal.h>

#include <atomic>
#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"

namespace {

struct Board {
  ipc::Barrier barrier{2};
  std::atomic<int> begun{0};  // How many rounds, by the worker.
};

void work(Board& board) {
  board.begun = 1;
  ipc::say("Begins round 1");
  ipc::say("Ends round 1");
  (void)board.barrier.wait();  // Returns nothing: not all have come.
  board.begun = 2;
  ipc::say("Begins round 2");
}

void die() {
  ipc::say("Begins round 1");
  ::raise(SIGKILL);
}

// What the explorer plays in every order. Worker 1 has died and does not come.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  schedule.show("round", [&] { return std::to_string(board->begun); });
  schedule.add("Worker 0", [&] { work(*board); });
  schedule.add("Main", [&] { board->barrier.abort(); });
  schedule.run();
  return board->begun == 2 ? "round 2 without worker 1" : "no round 2";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Process worker("Worker 0", [&] { work(*board); });
  ipc::Process victim("Worker 1", die);
  ipc::say("Worker 1 was {}", ipc::describe_status(victim.join()));
  board->barrier.abort();
  return worker.join() == 0 ? "" : "worker 0 failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_result", "Workers that meet at the end of each round.");
  lab.explores("broken", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
