// Wrong: the top of the stack is the number of a slot and nothing else.
//
// A worker sees slot 0 on top and slot 1 below it. Before its swap another one
// takes both and gives slot 0 back. The top is what it was, so the swap
// succeeds, and puts slot 1 on top, which has an owner: the ABA problem.

#include <stdint.h>

#include <array>
#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

constexpr uint32_t kCount = 4;

struct Board {
  std::atomic<uint32_t> top{0};
  std::array<std::atomic<uint32_t>, kCount> next{1, 2, 3, kCount};
  std::array<std::atomic<int>, kCount> owners{};

  [[nodiscard]] std::string verdict() const {
    for (size_t slot = 0; slot < kCount; ++slot) {
      if (owners.at(slot) > 1) {
        return "Slot " + std::to_string(slot) + " has two owners";
      }
    }
    return "No slot has two owners";
  }
};

uint32_t take(Board& board) {
  uint32_t seen = board.top.load();
  while (seen != kCount) {
    const uint32_t taken = seen;
    const uint32_t below = board.next.at(taken).load();
    ipc::say("Slot {} is on top, slot {} below it", taken, below);
    ipc::point("has seen the top");
    if (board.top.compare_exchange_strong(seen, below)) {
      ++board.owners.at(taken);
      ipc::say("Took slot {}", taken);
      return taken;
    }
  }
  return kCount;
}

void give_back(Board& board, uint32_t slot) {
  ipc::say("Giving back slot {}", slot);
  --board.owners.at(slot);
  uint32_t seen = board.top.load();
  do {
    board.next.at(slot).store(seen);
  } while (!board.top.compare_exchange_strong(seen, slot));
}

void add_takers(ipc::Schedule& schedule, Board& board) {
  schedule.add("Worker 0", [&] {
    take(board);
    take(board);
  });
  schedule.add("Worker 1", [&] {
    const uint32_t first = take(board);
    take(board);
    if (first != kCount) give_back(board, first);
  });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  add_takers(schedule, *board);
  schedule.run();
  return board->verdict();
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_takers(schedule, *board);
  std::string problem = schedule.play("ABBBAA");
  ipc::say("{}", board->verdict());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("top_without_tag", "What processes can share without a lock.");
  lab.explores("slots", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
