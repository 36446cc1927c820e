// Wrong: the event is set first, and then what it announces is written. A
// waiter that is quick reads what was there before.

#include <string>

#include "common/event.h"
#include "common/lab.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/shared.h"

namespace {

struct Board {
  ipc::Event ready;
  int answer = 0;
};

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(true);
  schedule.add("Waiter 0", [&] {
    ipc::say("Waiting for the event");
    board->ready.wait();
    ipc::say("Received the event notification: the answer is {}",
             board->answer);
  });
  schedule.add("Setter", [&] {
    ipc::say("Setting the event");
    board->ready.set();
    ipc::point("before the answer is written");
    board->answer = 42;
  });
  return schedule.play("ABB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("set_too_early", "An event that comes before its cause.");
  return lab.run(argc, argv, lesson);
}
