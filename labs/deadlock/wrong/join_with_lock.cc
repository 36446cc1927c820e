// Wrong: Main waits for the end of a worker while it holds the worker's lock.
//
// One lock is enough for a deadlock if the other wait is of another kind. An
// order of locks does not help: give the lock up before you wait for anybody.

#include <string>

#include "common/lab.h"
#include "common/lock.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

void withdraw(ipc::Lock& account) {
  const ipc::Guard guard(account);
  ipc::say("Moved 10");
}

std::string lesson() {
  const ipc::Shared<ipc::Lock> account;
  ipc::describe_object("Lock", &*account, "account A");
  const ipc::Guard guard(*account);
  ipc::say("Holds A, waits for the worker");
  ipc::Process worker("Worker 0", [&] { withdraw(*account); });
  return worker.join() == 0 ? "" : "the worker failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("join_with_lock", "A lock is held while its user is joined.");
  return lab.run(argc, argv, lesson);
}
