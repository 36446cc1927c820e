// Wrong: a worker does not look at what wait() tells.
//
// Its partner dies in the middle of the round. Main sees that and breaks the
// barrier, so that nobody waits in vain; and the worker takes the broken
// barrier for a complete round.

#include <signal.h>

#include <string>

#include "common/barrier.h"
#include "common/lab.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

void work(ipc::Barrier& barrier) {
  ipc::say("Begins round 1");
  ipc::say("Ends round 1");
  (void)barrier.wait();  // Nothing, since not all have come.
  ipc::say("Begins round 2");
}

void die() {
  ipc::say("Begins round 1");
  ::raise(SIGKILL);
}

std::string lesson() {
  const ipc::Shared<ipc::Barrier> barrier(2);
  ipc::Process worker("Worker 0", [&] { work(*barrier); });
  ipc::Process victim("Worker 1", die);
  ipc::say("Worker 1 was {}", ipc::describe_status(victim.join()));
  barrier->abort();
  return worker.join() == 0 ? "" : "worker 0 failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_result", "A broken barrier taken for a full one.");
  return lab.run(argc, argv, lesson);
}
