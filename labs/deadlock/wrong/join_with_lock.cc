// Wrong: Main waits for the end of a worker while it holds the worker's lock.
//
// One lock is enough for a deadlock if the other wait is of another kind. An
// order of locks does not help: release the lock before you wait for a process.

#include <functional>
#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "common/sync/lock.h"

namespace {

void withdraw(ipc::Lock& account) {
  const ipc::Guard guard(account);
  ipc::say("Moved 10");
}

void have_withdrawn(ipc::Lock& account, const std::function<void()>& join) {
  const ipc::Guard guard(account);
  ipc::say("Holds A, waits for the worker");
  join();
}

// What the explorer plays in every order. It starts its processes before all
// else, so an event stands for the end of the worker.
std::string withdraw_and_join(ipc::Schedule& schedule) {
  const ipc::Shared<ipc::Lock> account;
  const ipc::Shared<ipc::Event> ended;
  ipc::describe_object("Lock", &*account, "account A");
  ipc::describe_object("Event", &*ended, "end of the worker");
  schedule.add("Main",
               [&] { have_withdrawn(*account, [&] { ended->wait(); }); });
  schedule.add("Worker 0", [&] {
    withdraw(*account);
    ended->set();
  });
  schedule.run();
  return "both came to an end";
}

std::string lesson() {
  const ipc::Shared<ipc::Lock> account;
  ipc::describe_object("Lock", &*account, "account A");
  int status = 0;
  have_withdrawn(*account, [&] {
    ipc::Process worker("Worker 0", [&] { withdraw(*account); });
    status = worker.join();
  });
  return status == 0 ? "" : "the worker failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("join_with_lock", "Transfers that wait for each other.");
  lab.explores("withdrawal", withdraw_and_join, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
