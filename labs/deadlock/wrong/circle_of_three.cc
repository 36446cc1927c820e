// Wrong: three processes, three locks, and each takes its own one first.
//
// No two of them lock the same two accounts in opposite orders, so it seems
// that nothing can happen. But A is before B, B before C, and C before A.

#include <array>
#include <string>
#include <vector>

#include "common/barrier.h"
#include "common/lab.h"
#include "common/lock.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"

namespace {

constexpr size_t kCount = 3;

struct Bank {
  std::array<ipc::Lock, kCount> accounts;
  ipc::Barrier all_hold_one{static_cast<int>(kCount)};
};

void transfer(Bank& bank, size_t from) {
  const ipc::Guard one(bank.accounts[from]);
  (void)bank.all_hold_one.wait();
  const ipc::Guard other(bank.accounts[(from + 1) % kCount]);
  ipc::say("Moved 10");
}

std::string lesson() {
  const ipc::Shared<Bank> bank;
  std::vector<ipc::Process> workers;
  for (size_t i = 0; i < kCount; ++i) {
    const std::string letter(1, static_cast<char>('A' + i));
    ipc::describe_object("Lock", &bank->accounts[i], "account " + letter);
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
  ipc::Lab lab("circle_of_three", "Three locks, and no first one.");
  return lab.run(argc, argv, lesson);
}
