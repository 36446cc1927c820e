// Wrong: the lock is a plain one. The inner function locks what its caller has
// locked: it would wait for itself, and an ipc::Lock says so and aborts.

#include <string>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/lock.h"

namespace {

struct Bank {
  ipc::Lock lock;
  int accounts[2] = {100, 0};
};

void change(Bank& bank, int account, int amount) {
  const ipc::Guard guard(bank.lock);
  bank.accounts[account] += amount;
  ipc::say("Changed account {} by {}, at depth {}", account, amount,
           guard.depth());
}

void transfer(Bank& bank) {
  const ipc::Guard guard(bank.lock);
  change(bank, 0, -10);
  change(bank, 1, 10);
}

std::string lesson() {
  const ipc::Shared<Bank> bank;
  ipc::Process clerk("Clerk", [&] { transfer(*bank); });
  const int status = clerk.join();
  return status == 0 ? "" : "the clerk was " + ipc::describe_status(status);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("plain_lock", "A plain lock is locked by its owner.");
  return lab.run(argc, argv, lesson);
}
