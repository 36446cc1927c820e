// Wrong: so that no process locks twice, only the inner function locks. Now
// each change is locked, but the transfer is not: an audit can come between its
// halves.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/rlock.h"

namespace {

struct Bank {
  ipc::RLock lock;
  int accounts[2] = {100, 0};
  int audited = 0;
};

void change(Bank& bank, int account, int amount) {
  const ipc::Guard guard(bank.lock);
  bank.accounts[account] += amount;
  ipc::say("Changed account {} by {}, at depth {}", account, amount,
           guard.depth());
}

void transfer(Bank& bank) {
  change(bank, 0, -10);
  ipc::point("between the accounts");
  change(bank, 1, 10);
}

void audit(Bank& bank) {
  const ipc::Guard guard(bank.lock);
  bank.audited = bank.accounts[0] + bank.accounts[1];
  ipc::say("The total is {}", bank.audited);
}

void add_both(ipc::Schedule& schedule, Bank& bank) {
  schedule.add("Clerk", [&] { transfer(bank); });
  schedule.add("Auditor", [&] { audit(bank); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Bank> bank;
  schedule.show("accounts", [&] {
    return std::to_string(bank->accounts[0]) + " " +
           std::to_string(bank->accounts[1]);
  });
  add_both(schedule, *bank);
  schedule.run();
  if (bank->lock.lock() == ipc::Acquired::owner_died) {
    return "a process has ended with the lock";
  }
  bank->lock.unlock();
  return "the total is " + std::to_string(bank->audited);
}

std::string lesson() {
  const ipc::Shared<Bank> bank;
  ipc::Schedule schedule(true);
  add_both(schedule, *bank);
  return schedule.play("ABA");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("locked_in_parts", "Functions that lock again what is locked.");
  lab.explores("audit", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
