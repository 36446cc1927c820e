// Wrong: the holder of the only permit of an ordinary semaphore is killed, and
// the next one waits without a deadline: for ever.

#include <signal.h>

#include <string>

#include "common/lab.h"
#include "common/process.h"
#include "common/report.h"
#include "common/semaphore.h"
#include "common/shared.h"

namespace {

std::string lesson() {
  const ipc::Shared<ipc::Semaphore> permit(1U);
  ipc::describe_object("Semaphore", permit.get(), "the only permit");
  ipc::Process holder("Holder", [&] {
    permit->acquire();
    ipc::say("Acquired the semaphore");
    ::raise(SIGKILL);
  });
  ipc::say("The holder was {}", ipc::describe_status(holder.join()));
  ipc::Process heir("Heir", [&] {
    ipc::say("Waiting for the semaphore");
    permit->acquire();
  });
  return heir.join() == 0 ? "" : "the heir failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lost_permit", "A permit that died with its holder.");
  return lab.run(argc, argv, lesson);
}
