// Wrong: the holder of the only permit of an ordinary semaphore is killed, and
// the next process waits without a deadline, so it waits forever.

#include <signal.h>

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/semaphore.h"

namespace {

void hold(ipc::Semaphore& permit, bool dies) {
  permit.acquire();
  ipc::say("Acquired the only permit");
  ipc::point("with the permit");
  if (dies) ::raise(SIGKILL);
  permit.release();
}

void inherit(ipc::Semaphore& permit) {
  ipc::say("Waiting for the semaphore");
  permit.acquire();
  ipc::say("Acquired the semaphore");
  ipc::say("Releasing the semaphore");
  permit.release();
}

// What the explorer plays in every order, with one death anywhere.
std::string hold_and_inherit(ipc::Schedule& schedule) {
  const ipc::Shared<ipc::Semaphore> permit(1U);
  ipc::describe_object("Semaphore", permit.get(), "the only permit");
  schedule.show("permits", [&] { return std::to_string(permit->value()); });
  schedule.add("Holder", [&] { hold(*permit, false); });
  schedule.add("Heir", [&] { inherit(*permit); });
  schedule.run();
  return permit->value() > 1 ? "more permits than there were" : "nobody waits";
}

std::string lesson() {
  const ipc::Shared<ipc::Semaphore> permit(1U);
  ipc::describe_object("Semaphore", permit.get(), "the only permit");
  ipc::Process holder("Holder", [&] { hold(*permit, true); });
  ipc::say("The holder was {}", ipc::describe_status(holder.join()));
  ipc::Process heir("Heir", [&] { inherit(*permit); });
  return heir.join() == 0 ? "" : "the heir failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lost_permit",
               "Five workers, two permits, at most two holders.");
  lab.explores("holders", hold_and_inherit, {.kills = 1, .memory_only = true});
  return lab.run(argc, argv, lesson);
}
