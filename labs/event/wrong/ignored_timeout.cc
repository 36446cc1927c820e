// Wrong: a waiter ignores the result of a wait with a deadline. It continues as
// if the event were set, with an answer that was never given.

#include <string>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

struct Board {
  ipc::Event ready;
  int answer = 0;
};

std::string lesson() {
  const ipc::Shared<Board> board;
  ipc::Process waiter("Waiter 0", [&] {
    ipc::say("Waiting for the event");
    (void)board->ready.wait_until(ipc::Deadline::after(0.1));
    ipc::say("Received the event notification: the answer is {}",
             board->answer);
  });
  // The event comes too late, but the waiter's log looks as if it had not.
  if (waiter.join() != 0) return "the waiter failed";
  board->answer = 42;
  ipc::say("Setting the event");
  board->ready.set();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_timeout",
               "One sets an event, and all that wait continue.");
  return lab.run(argc, argv, lesson);
}
