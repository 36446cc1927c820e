// barrier: three workers, and nobody begins a round before all have ended the
// last one.
//
//   Worker 0 --\                  /--> Worker 0
//   Worker 1 ----> [ barrier ] ------> Worker 1     and so on, round by round
//   Worker 2 --/                  \--> Worker 2
//
// Watch for: no "Begins round 2" is above an "Ends round 1", whoever is fast.
// In act 2 a worker is killed while it waits, and the others are not left
// there. Try: delete the line marked [wait] and run with --pace=0 a few times.

#include <sched.h>
#include <signal.h>

#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "common/barrier.h"
#include "common/clock.h"
#include "common/lab.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

constexpr size_t kWorkersMax = 20;
int worker_count = 3;
int round_count = 3;

struct Board {
  ipc::Barrier barrier{worker_count};
  int complete_rounds = 0;
  // Of the round before and of this one, by turns. They need not be atomic:
  // nobody writes in a round what another one reads in it.
  std::array<std::array<int, kWorkersMax>, 2> rows{};
};

// The worker's new number is the sum of its own and its neighbour's.
void work(Board& board, size_t number, int round) {
  ipc::say("Begins round {}", round);
  ipc::pause_s(0.2);
  const auto& before = board.rows[static_cast<size_t>(round - 1) % 2];
  const size_t neighbour = (number + 1) % static_cast<size_t>(worker_count);
  const int sum = before[number] + before[neighbour];
  board.rows[static_cast<size_t>(round) % 2][number] = sum;
  ipc::say("Ends round {} with {}", round, sum);  // Said before the others go.
}

void work_rounds(Board& board, size_t number, int first, int last) {
  for (int round = first; round <= last; ++round) {
    work(board, number, round);
    const auto place = board.barrier.wait();  // [wait]
    if (!place) {                             // [broken]
      ipc::say("The barrier is broken in round {}", round);
      return;
    }
    if (*place == 0) ++board.complete_rounds;  // [place] One of them does it.
  }
}

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
  // Nothing tells when somebody has begun to wait, so look until it is so.
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

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::describe_object("Barrier", &board->barrier, "end of round");
  std::iota(board->rows[0].begin(), board->rows[0].end(), 1);
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
  return lab.run(argc, argv, lesson);
}
