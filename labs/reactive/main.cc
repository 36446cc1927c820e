// reactive: values in other processes follow one that changes.
//
//                 .--> Double --.
//   Main, Source -<              >--> Sum      acts 1 and 2
//                 '--> Triple --'
//   Source --> Slow                            act 3
//
// Watch for: Sum learns of each change along two paths, and shows no state in
// which only one half has arrived; and what Slow sees after its pause.
// Try: --schedule=all; then delete the loop [join] in graph.cc, and again.

#include <signal.h>

#include <array>
#include <stdexcept>
#include <string>

#include "burst.h"
#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "diamond.h"
#include "graph.h"

namespace {

using ipc::Process;
using ipc::Shared;

constexpr int kSteps = 2;  // Of each process in act 1.

int change_count = 5;
int burst_count = 100;
std::string order;

// One change, which Double, Triple and Sum meet in the given order; the sums
// that were shown.
std::string play(const std::string& steps, bool narrated) {
  const Shared<Diamond> diamond;
  ipc::Schedule schedule(narrated);
  add_all(schedule, *diamond);
  const std::string problem = schedule.play(steps);
  if (!problem.empty()) throw std::runtime_error(problem);
  return diamond->shown();
}

// The same for the explorer, which decides about the order.
std::string explore(ipc::Schedule& schedule) {
  const Shared<Diamond> diamond;
  schedule.show("shown", [&] { return diamond->shown(); });
  add_all(schedule, *diamond);
  schedule.run();
  return diamond->shown();
}

std::string arrange() {
  ipc::say("Act 1: one change, in a given order");
  const auto is_good = [](const std::string& shown) {
    return shown == "5 then 10" || shown == "10";
  };
  if (order != "all") {
    const auto shown = play(order.empty() ? "CAACBB" : order, true);
    return is_good(shown) ? "" : "Sum has shown " + shown;
  }
  for (const auto& [shown, outcome] : ipc::play_all(
           3, kSteps,
           "Shown:", [](const auto& steps) { return play(steps, false); })) {
    if (!is_good(shown)) return "a glitch in order " + outcome.witness;
  }
  return "";
}

std::string follow() {
  ipc::say("Act 2: {} changes, and no process waits for another", change_count);
  const Shared<Graph> graph;
  std::array processes = {
      Process("Sum", [&] { show_all(*graph); }),
      Process("Double", [&] { derive(graph->source, graph->doubled, 2); }),
      Process("Triple", [&] { derive(graph->source, graph->tripled, 3); }),
      Process("Source", [&] { change(graph->source, change_count); })};
  for (Process& process : processes) {
    if (process.join() != 0) return process.name() + " failed";
  }
  return "";
}

std::string fall_behind() {
  ipc::say("Act 3: {} changes while Slow is busy", burst_count);
  const Shared<Burst> burst;
  Process source("Source", [&] { publish_burst(*burst, burst_count); });
  Process slow("Slow", [&] { watch_slowly(*burst); });
  if (source.join() != -SIGKILL) return "the source was not killed";
  return slow.join() == 0 ? "" : "Slow failed";
}

std::string lesson() {
  std::string problem = arrange();
  if (!problem.empty() || !order.empty()) return problem;
  problem = follow();
  return problem.empty() ? fall_behind() : problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("reactive", "Values that follow one that changes.");
  lab.option("--changes", change_count, 0, 10'000, "changes of act 2");
  lab.option("--burst", burst_count, 2, 1'000'000, "changes of act 3");
  lab.option("--schedule", order, ipc::order_rule(kSteps),
             "only act 1, in an order such as CAACBB, or all");
  lab.explores("diamond", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
