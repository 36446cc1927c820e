#include "labs/barrier/rounds.h"

#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

// The worker's new number is the sum of its own and its neighbour's.
void work(Board& board, size_t number, int round) {
  ipc::say("Begins round {}", round);
  ipc::pause_s(0.2);
  const auto& before = board.rows[static_cast<size_t>(round - 1) % 2];
  const auto count = static_cast<size_t>(board.barrier.parties());
  const int sum = before[number] + before[(number + 1) % count];
  ipc::point("has added");
  board.rows[static_cast<size_t>(round) % 2][number] = sum;
  ipc::say("Ends round {} with {}", round, sum);  // Said before the others go.
}

}  // namespace

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
