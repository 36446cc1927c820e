// deadlock: transfers that wait for each other, and two cures.
//
//   Worker 0: account A -> B    with 2 processes: A -> B -> A
//   Worker 1: account B -> A    with 3 processes: A -> B -> C -> A
//
// Watch for: in act 1 each worker holds the account that the one before it
// wants, and all stand still. In act 2 the same transfers in the same order
// come to an end, and in act 3 a worker that has waited too long gives up its
// lock.
// Try: --schedule=all, --processes=3, --kill.

#include <signal.h>

#include <optional>
#include <string>
#include <vector>

#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "transfers.h"

namespace {

constexpr int kSteps = 2;  // Of one transfer: to the point, and to the end.
constexpr double kLimitS = 0.05;
constexpr double kPauseS = 1;
int process_count = 2;
std::string order;
bool kill_one = false;

std::string worker(size_t i) { return "Worker " + std::to_string(i); }

void add_workers(ipc::Schedule& schedule, Bank& bank, size_t count,
                 First rule) {
  for (size_t i = 0; i < count; ++i) {
    schedule.add(worker(i),
                 [&, i] { transfer(bank, i, (i + 1) % count, rule); });
  }
}

// Returns why not all transfers came to an end in this order, or "".
std::string play(const std::string& steps, First rule, bool narrated) {
  const auto count = static_cast<size_t>(ipc::order_size(steps));
  const ipc::Shared<Bank> bank(1);
  ipc::Schedule schedule(narrated);
  add_workers(schedule, *bank, count, rule);
  return schedule.play(steps);  // Kills workers that still wait.
}

std::string play_both_ways(const std::string& steps) {
  ipc::say("Act 1: each locks the account that it takes from, then the other");
  const std::string standstill = play(steps, First::its_own, true);  // [detect]
  ipc::say("{}", standstill.empty() ? "All came to an end" : standstill);
  if (standstill.empty() && order.empty()) return "there was no deadlock";
  ipc::pause_s(kPauseS);
  ipc::say("Act 2: each locks the account with the lower letter first");
  return play(steps, First::the_lower, true);
}

std::string play_all_orders() {
  const auto play_all = [](const char* title, First rule) {
    return ipc::play_all(process_count, kSteps, title, [&](const auto& steps) {
      return play(steps, rule, false).empty() ? "no deadlock" : "a deadlock";
    });
  };
  (void)play_all("Own account first:", First::its_own);
  const auto outcomes = play_all("Lower letter first:", First::the_lower);
  return outcomes.contains("a deadlock") ? "the order is not a cure" : "";
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule, First rule) {
  const auto count = static_cast<size_t>(process_count);
  const ipc::Shared<Bank> bank(1);
  for (size_t i = 0; i < count; ++i) {
    const std::string letter(1, static_cast<char>('A' + i));
    ipc::describe_object("Lock", &bank->accounts[i].lock, letter);
    schedule.show("account " + letter,
                  [&, i] { return std::to_string(bank->accounts[i].money); });
  }
  add_workers(schedule, *bank, count, rule);
  schedule.run();
  return "all came to an end";
}

std::string play_with_limit(std::optional<double> limit_s) {
  const ipc::Shared<Bank> bank(process_count + 1);
  const auto count = static_cast<size_t>(process_count);
  std::vector<ipc::Process> workers;
  for (size_t i = 0; i < count; ++i) {
    workers.emplace_back(worker(i), [&, i] {
      transfer_or_give_up(*bank, i, (i + 1) % count, limit_s);
    });
  }
  (void)bank->all_hold_one.wait();
  if (kill_one) {
    ipc::say("No worker can continue. Killing Worker 0");
    workers[0].kill();
  }
  for (size_t i = 0; i < count; ++i) {
    const int expected = kill_one && i == 0 ? -SIGKILL : 0;
    if (workers[i].join() != expected) return "a worker failed";
  }
  int money = 0;
  for (size_t i = 0; i < count; ++i) money += bank->accounts[i].money;
  ipc::say("The accounts hold {} together", money);
  return money == process_count * kMoneyAtFirst ? "" : "money was lost";
}

std::string lesson() {
  if (kill_one) return play_with_limit(std::nullopt);
  if (order == "all") return play_all_orders();
  if (!order.empty()) return play_both_ways(order);
  std::string each;
  for (int i = 0; i < process_count; ++i) each += static_cast<char>('A' + i);
  auto problem = play_both_ways(each + each);
  if (!problem.empty()) return problem;
  ipc::pause_s(kPauseS);
  ipc::say("Act 3: its own account first, but none waits for long");
  return play_with_limit(kLimitS);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("deadlock", "Transfers that wait for each other.");
  lab.option("--processes", process_count, 2, kAccountsMax, "in the circle");
  lab.option("--schedule", order, ipc::order_rule(kSteps), "an order, or all");
  lab.option("--kill", kill_one, "act 3 without a limit; kill one of them");
  lab.explores("own_first",
               [](auto& schedule) { return explore(schedule, First::its_own); },
               {.memory_only = true});
  lab.explores(
      "lower_first",
      [](auto& schedule) { return explore(schedule, First::the_lower); },
      {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
