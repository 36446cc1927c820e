// barrier: three workers, none of which begins a round before all of them have
// ended the last one.
//
//   Worker 0 --\                  /--> Worker 0
//   Worker 1 ----> [ barrier ] ------> Worker 1     and so on, round by round
//   Worker 2 --/                  \--> Worker 2
//
// Watch for: no "Begins round 2" is above an "Ends round 1", however fast one
// worker is. In act 2 a worker is killed while it waits, and the others do not
// wait for it forever. Try: delete the line marked [wait] in rounds.cc and run
// with --pace=0 a few times.

#include <sched.h>
#include <signal.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"
#include "labs/barrier/rounds.h"

namespace {

int worker_count = 3;
int round_count = 3;

ipc::Process start(Board& board, int number, int first, int last) {
  return {"Worker " + std::to_string(number), [&board, number, first, last] {
            work_rounds(board, static_cast<size_t>(number), first, last);
          }};
}

bool play(Board& board, int first, int last) {
  std::vector<ipc::Process> workers;
  workers.reserve(static_cast<size_t>(worker_count));
  for (int i = 0; i < worker_count; ++i) {
    workers.push_back(start(board, i, first, last));
  }
  for (ipc::Process& worker : workers) {
    if (worker.join() != 0) return false;
  }
  ipc::say("Rounds that all have ended: {}", board.complete_rounds);
  return board.complete_rounds == last;
}

// The last worker dies while it waits with the first; the others come later.
bool break_round(Board& board, int round) {
  ipc::Process victim = start(board, worker_count - 1, round, round);
  ipc::Process waiter = start(board, 0, round, round);
  // No event reports that a process has begun to wait, so look until it has.
  const auto deadline = ipc::Deadline::after(20 * ipc::time_scale());
  while (board.barrier.n_waiting() < 2 && !deadline.expired()) ::sched_yield();
  victim.kill();
  ipc::say("{} was {}", victim.name(), ipc::describe_status(victim.join()));
  if (waiter.join() != 0) return false;
  for (int i = 1; i < worker_count - 1; ++i) {
    if (start(board, i, round, round).join() != 0) return false;
  }
  return board.barrier.broken() && board.complete_rounds == round - 1;
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule, int parties, int rounds) {
  const ipc::Shared<Board> board(parties);
  const auto row = [&](int round) {
    std::string text;
    for (int i = 0; i < parties; ++i) {
      text += " " + std::to_string(board->rows[round % 2][i]);
    }
    return text;
  };
  ipc::describe_object("Barrier", &board->barrier, "end of round");
  schedule.show("numbers", [&] { return row(0) + " /" + row(1); });
  for (int i = 0; i < parties; ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&, i] { work_rounds(*board, i, 1, rounds); });
  }
  schedule.run();
  return std::to_string(board->complete_rounds) + " rounds:" + row(rounds);
}

std::string lesson() {
  const ipc::Shared<Board> board(worker_count);
  ipc::describe_object("Barrier", &board->barrier, "end of round");
  ipc::say("Act 1: all come to the end of each round");
  if (!play(*board, 1, round_count)) return "act 1 has failed";
  const int round = round_count + 1;
  ipc::say("Act 2: one is killed while it waits");
  if (!break_round(*board, round)) return "the barrier did not break";
  ipc::say("Act 3: the barrier is reset, and the round is played again");
  board->barrier.reset();  // [reset]
  return play(*board, round, round) ? "" : "act 3 has failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("barrier", "Workers that meet at the end of each round.");
  lab.option("--workers", worker_count, 3, kWorkersMax, "how many meet");
  lab.option("--rounds", round_count, 1, 15, "rounds of act 1");
  lab.explores("two", [](auto& schedule) { return explore(schedule, 2, 3); },
               {.memory_only = true});
  lab.explores("three", [](auto& schedule) { return explore(schedule, 3, 1); },
               {.memory_only = true});
  lab.explores("again", [](auto& schedule) { return explore(schedule, 3, 2); },
               {.memory_only = true, .max_preemptions = 2});
  return lab.run(argc, argv, lesson);
}
