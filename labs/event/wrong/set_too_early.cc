// Wrong: the event is set first, and then what it announces is written. A quick
// waiter reads what was there before.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

struct Board {
  ipc::Event ready;
  int answer = 0;
  int received = 0;
};

void wait_for_answer(Board& board) {
  ipc::say("Waiting for the event");
  board.ready.wait();
  board.received = board.answer;
  ipc::say("Received the event notification: the answer is {}", board.received);
}

void give_answer(Board& board) {
  ipc::say("Setting the event");
  board.ready.set();
  ipc::point("half done");
  board.answer = 42;
}

void add_both(ipc::Schedule& schedule, Board& board) {
  schedule.add("Waiter 0", [&] { wait_for_answer(board); });
  schedule.add("Setter", [&] { give_answer(board); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  schedule.show("answer", [&] { return std::to_string(board->answer); });
  add_both(schedule, *board);
  schedule.run();
  return "received " + std::to_string(board->received);
}

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  add_both(schedule, *board);
  return schedule.play("ABB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("set_too_early",
               "One sets an event, and all that wait continue.");
  lab.explores("waiter", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
