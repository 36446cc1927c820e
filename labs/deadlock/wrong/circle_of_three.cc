// Wrong: three processes, three locks, and each takes its own one first.
//
// No two of them lock the same two accounts in opposite orders, so it seems
// that nothing can happen. But A is before B, B before C, and C before A.

#include <array>
#include <string>
#include <vector>

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

constexpr size_t kCount = 3;

const ipc::Deadline now = ipc::Deadline::at_ns(0);

struct Bank {
  explicit Bank(int parties) : all_have_tried(parties) {}

  std::array<ipc::Lock, kCount> accounts;
  ipc::Barrier all_have_tried;
};

void transfer(Bank& bank, size_t from) {
  const size_t to = (from + 1) % kCount;
  ipc::Guard one(bank.accounts[from], now);
  ipc::point("holds one");
  // No worker continues before each holds one, or has found it taken. So what
  // can happen here is sure to happen.
  (void)bank.all_have_tried.wait();
  if (!one) one.lock();
  const ipc::Guard other(bank.accounts[to]);
  ipc::say("Moved 10");
}

void name_accounts(const Bank& bank) {
  for (size_t i = 0; i < kCount; ++i) {
    const std::string letter(1, static_cast<char>('A' + i));
    ipc::describe_object("Lock", &bank.accounts[i], "account " + letter);
  }
}

// What the explorer plays in every order.
std::string transfer_in_circle(ipc::Schedule& schedule) {
  const ipc::Shared<Bank> bank(1);
  name_accounts(*bank);
  for (size_t i = 0; i < kCount; ++i) {
    schedule.add("Worker " + std::to_string(i), [&, i] { transfer(*bank, i); });
  }
  schedule.run();
  return "all came to an end";
}

std::string lesson() {
  const ipc::Shared<Bank> bank(static_cast<int>(kCount));
  name_accounts(*bank);
  std::vector<ipc::Process> workers;
  for (size_t i = 0; i < kCount; ++i) {
    workers.emplace_back("Worker " + std::to_string(i),
                         [&, i] { transfer(*bank, i); });
  }
  for (ipc::Process& worker : workers) {
    if (worker.join() != 0) return "a worker failed";
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("circle_of_three", "Transfers that wait for each other.");
  lab.explores("transfers", transfer_in_circle, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
