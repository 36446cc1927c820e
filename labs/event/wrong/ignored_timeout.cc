// Wrong: a wait with a deadline, and nobody looks at what it returned. The
// waiter goes on as if the event were set, with an answer that is none.

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
  // It comes too late, and by the waiter's log it might have come in time.
  if (waiter.join() != 0) return "the waiter failed";
  board->answer = 42;
  ipc::say("Setting the event");
  board->ready.set();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_timeout", "A deadline that has passed goes unnoticed.");
  return lab.run(argc, argv, lesson);
}
