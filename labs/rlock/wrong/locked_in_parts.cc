// Wrong: so that nobody locks twice, only the inner function locks. Now each
// change is locked, and the transfer is not: between its halves others come.

#include <string>

#include "common/lab.h"
#include "common/point.h"
#include "common/report.h"
#include "common/rlock.h"
#include "common/schedule.h"
#include "common/shared.h"

namespace {

struct Bank {
  ipc::RLock lock;
  int accounts[2] = {100, 0};
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
  ipc::say("The total is {}", bank.accounts[0] + bank.accounts[1]);
}

std::string lesson() {
  const ipc::Shared<Bank> bank;
  ipc::Schedule schedule(true);
  schedule.add("Clerk", [&] { transfer(*bank); });
  schedule.add("Auditor", [&] { audit(*bank); });
  return schedule.play("ABA");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("locked_in_parts", "Every change is locked, no transfer is.");
  return lab.run(argc, argv, lesson);
}
