// mechanisms: one job over every mechanism that Linux has.
//
//   Sender --- messages, numbered 1, 2, 3 ---> Receiver: their sum
//
// Watch for: what a mechanism does when it is full, what two messages look like
// to one receive, and who learns of whose death.
// Try: --only=pipe shows the job message by message; --cost.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/mechanisms/costs.h"
#include "labs/mechanisms/experiments.h"
#include "labs/mechanisms/python_peers.h"
#include "labs/mechanisms/specification.h"

namespace {

constexpr double kPauseS = 0.2;

int messages = 8;
std::string only;
bool with_cost = false;

std::vector<NamedMechanism> chosen() {
  std::vector<NamedMechanism> all = mechanisms();
  if (only.empty()) return all;
  std::erase_if(all, [](const auto& each) { return each.name != only; });
  return all;
}

std::string problem_with_name(const std::string& name) {
  std::vector<std::string> names;
  for (const NamedMechanism& each : mechanisms()) {
    if (each.name == name) return "";
    names.emplace_back(each.name);
  }
  return fmt::format("there is no '{}', only {}", name, fmt::join(names, ", "));
}

uint64_t expected_sum() {
  const auto last = static_cast<uint64_t>(messages);
  return last * (last + 1) / 2;
}

// What arrives must be what was sent, whichever mechanism carries it.
void ensure_sum(const char* name, uint64_t sum) {
  if (sum == expected_sum()) return;
  throw std::runtime_error(
      fmt::format("{}: sent {}, received {}", name, expected_sum(), sum));
}

void do_all_jobs() {
  ipc::say("{:<14} {:>4} {:>6} {:<9} {:<10} {:>7} {}", "mechanism", "sum",
           "bound", "when full", "boundaries", "longest", "two senders");
  uint64_t sent = 0;
  uint64_t received = 0;
  for (const NamedMechanism& each : chosen()) {
    const uint64_t sum = do_the_job(each, messages, !only.empty());
    sent += expected_sum();
    received += sum;
    ensure_sum(each.name, sum);
    const Alive alive = watch_alive(each);
    ipc::say("{:<14} {:>4} {:>6} {:<9} {:<10} {:>7} {}", each.name, sum,
             alive.bound, alive.when_full, alive.boundaries, alive.longest,
             alive.two_senders);
    ipc::pause_s(kPauseS);
  }
  ipc::say("All sums: sent {}, received {}", sent, received);
}

void kill_all_sides() {
  ipc::say("{:<14} {:<20} {:<14} {:<13} {}", "mechanism", "sender sees",
           "receiver sees", "left behind", "joined by");
  for (const NamedMechanism& each : chosen()) {
    const Dead dead = watch_deaths(each);
    ipc::say("{:<14} {:<20} {:<14} {:<13} {}", each.name, dead.sender_sees,
             dead.receiver_sees, dead.left, dead.joined_by);
    ipc::pause_s(kPauseS);
  }
}

void let_python_receive() {
  for (const NamedMechanism& each : chosen()) {
    if (!python_can(each.name)) continue;
    const uint64_t sum = send_to_python(each.name, messages);
    ensure_sum(each.name, sum);
    ipc::say("{:<14} {:>4}", each.name, sum);
    ipc::pause_s(kPauseS);
  }
}

std::string lesson() {
  ipc::say("Act 1: {} messages, whose sum is {}", messages, expected_sum());
  do_all_jobs();
  ipc::say("Act 2: a side is killed");
  kill_all_sides();
  if (only.empty() || python_can(only)) {
    ipc::say("Act 3: the receiver is a Python program, which reports its sums");
    let_python_receive();
  }
  if (with_cost) {
    ipc::say("Act 4: what the calls for one message cost");
    compare_costs(chosen());
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("mechanisms", "One job over every mechanism that Linux has.");
  lab.option("--messages", messages, 1, 100, "messages of the job");
  lab.option("--only", only, problem_with_name, "one mechanism, step by step");
  lab.option("--cost", with_cost, "measure what a message costs, too");
  return lab.run(argc, argv, lesson);
}
