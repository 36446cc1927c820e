// Wrong: a counter and an event make a barrier that works once.
//
// The last worker sets the event, which does not say for which round. In round
// 2 it is still set, so no worker waits, and a fast one laps the others.

#include <stddef.h>

#include <array>
#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

constexpr int kWorkers = 2;
constexpr int kRounds = 3;

struct HomeMadeBarrier {
  std::atomic<int> arrived{0};
  ipc::Event all_here;

  void wait() {
    if (++arrived == kWorkers) {
      arrived = 0;
      all_here.set();
    }
    all_here.wait();
  }
};

struct Board {
  HomeMadeBarrier barrier;
  // For the explorer: the rounds that each has begun and ended.
  std::array<std::atomic<int>, kWorkers> begun{};
  std::array<std::atomic<int>, kWorkers> ended{};
};

void work(Board& board, size_t number) {
  for (int round = 1; round <= kRounds; ++round) {
    board.begun[number] = round;
    ipc::say("Begins round {}", round);
    ipc::point("in round");
    board.ended[number] = round;
    ipc::say("Ends round {}", round);
    board.barrier.wait();
  }
}

void add_workers(ipc::Schedule& schedule, Board& board) {
  schedule.add("Worker 0", [&] { work(board, 0); });
  schedule.add("Worker 1", [&] { work(board, 1); });
}

// Describes a worker that is two rounds ahead of what the other has ended, or
// "".
std::string lapped(const Board& board) {
  for (const size_t fast : {0, 1}) {
    if (board.begun[fast] <= board.ended[1 - fast] + 1) continue;
    return "begins round " + std::to_string(board.begun[fast]) +
           " before all have ended the last";
  }
  return "";
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  schedule.show("rounds", [&] {
    return std::to_string(board->begun[0]) + " and " +
           std::to_string(board->begun[1]);
  });
  schedule.always([&] { return lapped(*board); });
  add_workers(schedule, *board);
  schedule.run();
  return "all met in each round";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_workers(schedule, *board);
  return schedule.play("ABABAABB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_generation", "Workers that meet at the end of each round.");
  lab.explores("rounds", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
