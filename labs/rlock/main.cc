// rlock: functions that lock what their caller has locked already.
//
//   Clerk: transfer both ways > transfer > change --+
//                                                   +--> [ RLock, accounts ]
//   Auditor: audit ---------------------------------+
//
// Watch for: the depth, which is how many unlocks the owner owes. Three unlocks
// later the Clerk still owns the lock, so the Auditor waits, and no audit ever
// sees an amount that has left one account and not reached the other.
// Try: --schedule=all, also without the lines marked [outer]; and --kill.

#include <signal.h>

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/rlock.h"

namespace {

constexpr int kSteps = 2;  // Of each process: to its point, and to the end.
constexpr int kTotal = 100;
constexpr double kPauseS = 0.5;
std::string order;
bool kill_clerk = false;

struct Bank {
  ipc::RLock lock;
  int accounts[2] = {kTotal, 0};  // Guarded by the lock, as are the two below.
  int audits = 0;
  int good_audits = 0;
};

void change(Bank& bank, int account, int amount) {
  const ipc::Guard guard(bank.lock);  // [inner]
  if (kill_clerk && account == 1) ::raise(SIGKILL);
  bank.accounts[account] += amount;
  ipc::say("Changed account {} by {}, at depth {}", account, amount,
           guard.depth());
}

void transfer(Bank& bank, int from, int to, int amount) {
  const ipc::Guard guard(bank.lock);  // [outer]
  change(bank, from, -amount);
  if (from == 0) ipc::point("between the accounts");
  ipc::pause_s(kPauseS);
  change(bank, to, amount);
}

void transfer_and_return(Bank& bank) {
  const ipc::Guard guard(bank.lock);  // [outer]
  transfer(bank, 0, 1, 10);
  transfer(bank, 1, 0, 10);
  ipc::say("Done, at depth {}", guard.depth());
}

void audit(Bank& bank) {
  ipc::Guard guard(bank.lock);
  if (guard.owner_died()) {  // [died]
    ipc::say("The last owner died inside the lock; depth {}", guard.depth());
    bank.accounts[0] = kTotal - bank.accounts[1];  // May be done again.
    guard.repaired();
  }
  const int total = bank.accounts[0] + bank.accounts[1];
  ipc::say("The total is {}", total);
  ++bank.audits;
  bank.good_audits += int{total == kTotal};
}

void audit_twice(Bank& bank) {
  audit(bank);
  ipc::point("between the audits");
  audit(bank);
}

std::string good_audits(const Bank& bank) {
  return std::to_string(bank.good_audits) + " of " +
         std::to_string(bank.audits);
}

// How many of the audits were good: "2 of 2"; and the problem, if there is one.
std::string play(const std::string& steps, bool narrated) {
  const ipc::Shared<Bank> bank;
  ipc::Schedule schedule(narrated);
  schedule.add("Clerk", [&] { transfer_and_return(*bank); });
  schedule.add("Auditor", [&] { audit_twice(*bank); });
  const std::string problem = schedule.play(steps);
  const bool as_planned = kill_clerk && schedule.status(0) == -SIGKILL;
  return good_audits(*bank) +
         (problem.empty() || as_planned ? "" : ": " + problem);
}

// The same for the explorer, which decides about the order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Bank> bank;
  ipc::describe_object("RLock", &bank->lock, "bank");
  schedule.show("accounts", [&] {
    return std::to_string(bank->accounts[0]) + " " +
           std::to_string(bank->accounts[1]);
  });
  schedule.add("Clerk", [&] { transfer_and_return(*bank); });
  schedule.add("Auditor", [&] { audit_twice(*bank); });
  schedule.run();
  return good_audits(*bank) + " audits are good";
}

std::string judge(const std::string& audits) {
  ipc::say("Good audits: {}", audits);
  return audits == "2 of 2" ? "" : "an audit has seen half a transfer";
}

std::string lesson() {
  if (order != "all") return judge(play(order, true));
  const auto outcomes = ipc::play_all(
      2, kSteps, "Good audits",
      [](const std::string& steps) { return play(steps, false); });
  return judge(outcomes.begin()->first);
}

std::string rule(const std::string& text) {
  if (text == "all") return "";
  std::string problem = ipc::order_problem(text, kSteps);
  if (!problem.empty()) return problem;
  return ipc::order_size(text) == 2 ? "" : "there are two processes, A and B";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("rlock", "Functions that lock again what is locked.");
  order = "ABAB";
  lab.option("--schedule", order, rule, "an order such as AABB, or all");
  lab.option("--kill", kill_clerk, "kill the Clerk at depth 3");
  lab.explores("audits", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
