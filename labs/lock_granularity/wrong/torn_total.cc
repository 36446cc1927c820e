// Wrong: adds up the counters with a lock for each, one after the other.
//
// Every access is locked, but the total was true at no moment: what moves from
// a counter not yet seen to one already seen is missing.

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

struct Counter {
  ipc::Lock lock;
  int value = 50;
};
using Counters = std::array<Counter, 2>;

struct Board {
  Counters counters;
  int total = 0;  // As the reader has seen it.
};

int read(Counter& counter) {
  const ipc::Guard guard(counter.lock);
  return counter.value;
}

void add_up(Board& board) {
  board.total = read(board.counters[0]);
  ipc::point("has seen the first");
  board.total += read(board.counters[1]);
  ipc::say("Total {} of 100", board.total);
}

void move(Counters& counters) {
  const ipc::Guard first(counters[0].lock);
  const ipc::Guard second(counters[1].lock);
  counters[0].value += 10;
  counters[1].value -= 10;
  ipc::say("Moved 10 from the second to the first");
}

void add_both(ipc::Schedule& schedule, Board& board) {
  schedule.add("Reader", [&] { add_up(board); });
  schedule.add("Worker", [&] { move(board.counters); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  schedule.show("counters", [&] {
    return std::to_string(board->counters[0].value) + " " +
           std::to_string(board->counters[1].value);
  });
  schedule.show("total", [&] { return std::to_string(board->total); });
  add_both(schedule, *board);
  schedule.run();
  return std::to_string(board->total) + " of 100";
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_both(schedule, *board);
  return schedule.play("ABA");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("torn_total", "One lock, many locks, or none.");
  lab.explores("total", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
