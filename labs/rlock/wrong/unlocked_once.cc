// Wrong: two locks and one unlock, as happens where they are written by hand.
// The Clerk owns the lock at depth 1 for as long as it lives.

#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "common/sync/rlock.h"

namespace {

struct Bank {
  ipc::RLock lock;
  ipc::Event changed;
  ipc::Event closing;
  int balance = 90;
};

void deposit(Bank& bank) {
  (void)bank.lock.lock();
  (void)bank.lock.lock();
  bank.balance += 10;
  ipc::say("Changed the account, at depth {}", bank.lock.depth());
  bank.lock.unlock();
  // Missing: bank.lock.unlock();
  bank.changed.set();
  bank.closing.wait();
}

void audit(Bank& bank) {
  bank.changed.wait();
  const ipc::Guard guard(bank.lock);
  ipc::say("The total is {}", bank.balance);
}

void name_objects(const Bank& bank) {
  ipc::describe_object("RLock", &bank.lock, "bank");
  ipc::describe_object("Event", &bank.closing, "closing time");
}

// What the explorer plays in every order. The bank closes after the audit.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Bank> bank;
  name_objects(*bank);
  schedule.show("balance", [&] { return std::to_string(bank->balance); });
  schedule.add("Clerk", [&] { deposit(*bank); });
  schedule.add("Auditor", [&] {
    audit(*bank);
    bank->closing.set();
  });
  schedule.run();
  return "both came to an end";
}

std::string lesson() {
  const ipc::Shared<Bank> bank;
  name_objects(*bank);
  ipc::Process clerk("Clerk", [&] { deposit(*bank); });
  ipc::Process auditor("Auditor", [&] { audit(*bank); });
  if (auditor.join() != 0) return "the auditor failed";
  bank->closing.set();
  return clerk.join() == 0 ? "" : "the clerk failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("unlocked_once", "Functions that lock again what is locked.");
  lab.explores("audit", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
