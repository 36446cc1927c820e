// Wrong: two processes lock the same two accounts in opposite orders.
//
// Each waits for what the other holds, and neither gives anything up.

#include <string>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"
#include "common/sync/lock.h"

namespace {

const ipc::Deadline now = ipc::Deadline::at_ns(0);

struct Bank {
  explicit Bank(int parties) : all_have_tried(parties) {}

  ipc::Lock account_a;
  ipc::Lock account_b;
  ipc::Barrier all_have_tried;
};

void transfer(Bank& bank, ipc::Lock& from, ipc::Lock& to) {
  ipc::Guard one(from, now);
  ipc::point("holds one");
  // No worker continues before each holds one, or has found it taken. So what
  // can happen here is sure to happen.
  (void)bank.all_have_tried.wait();
  if (!one) one.lock();
  const ipc::Guard other(to);
  ipc::say("Moved 10");
}

void transfer_to_b(Bank& bank) {
  transfer(bank, bank.account_a, bank.account_b);
}

void transfer_to_a(Bank& bank) {
  transfer(bank, bank.account_b, bank.account_a);
}

void name_accounts(const Bank& bank) {
  ipc::describe_object("Lock", &bank.account_a, "account A");
  ipc::describe_object("Lock", &bank.account_b, "account B");
}

// What the explorer plays in every order.
std::string transfer_both_ways(ipc::Schedule& schedule) {
  const ipc::Shared<Bank> bank(1);
  name_accounts(*bank);
  schedule.add("Worker 0", [&] { transfer_to_b(*bank); });
  schedule.add("Worker 1", [&] { transfer_to_a(*bank); });
  schedule.run();
  return "both came to an end";
}

std::string lesson() {
  const ipc::Shared<Bank> bank(2);
  name_accounts(*bank);
  ipc::Process worker_0("Worker 0", [&] { transfer_to_b(*bank); });
  ipc::Process worker_1("Worker 1", [&] { transfer_to_a(*bank); });
  if (worker_0.join() != 0) return "worker 0 failed";
  return worker_1.join() == 0 ? "" : "worker 1 failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("opposite_order", "Transfers that wait for each other.");
  lab.explores("transfers", transfer_both_ways, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
