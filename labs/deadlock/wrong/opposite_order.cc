// Wrong: two processes lock the same two accounts in opposite orders.
//
// Each waits for what the other holds, and neither gives anything up.

#include <string>

#include "common/barrier.h"
#include "common/lab.h"
#include "common/lock.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

struct Bank {
  ipc::Lock account_a;
  ipc::Lock account_b;
  ipc::Barrier both_hold_one{2};  // Without it, a deadlock now and then.
};

void transfer(Bank& bank, ipc::Lock& from, ipc::Lock& to) {
  const ipc::Guard one(from);
  (void)bank.both_hold_one.wait();
  const ipc::Guard other(to);
  ipc::say("Moved 10");
}

std::string lesson() {
  const ipc::Shared<Bank> bank;
  ipc::describe_object("Lock", &bank->account_a, "account A");
  ipc::describe_object("Lock", &bank->account_b, "account B");
  ipc::Process worker_0(
      "Worker 0", [&] { transfer(*bank, bank->account_a, bank->account_b); });
  ipc::Process worker_1(
      "Worker 1", [&] { transfer(*bank, bank->account_b, bank->account_a); });
  if (worker_0.join() != 0) return "worker 0 failed";
  return worker_1.join() == 0 ? "" : "worker 1 failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("opposite_order", "Two locks, taken in two orders.");
  return lab.run(argc, argv, lesson);
}
