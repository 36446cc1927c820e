// counter_without_lock: how an update is lost, and how often.
//
//   Worker 0 --load, add, store--> [ counter ] <--load, add, store-- Worker 1
//
// Watch for: both workers load the same number, so both store the same number,
// and one of two updates is lost. First the order is arranged, so that this
// happens on every run; then the workers race, and chance decides.
// Try: --schedule=AABB (A is a step of worker 0, B of worker 1) or =all.

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"

namespace {

using Counter = std::atomic<int>;

constexpr const char* kFatalOrder = "ABAB";
constexpr int kSteps = 2;  // Of one increment: to the point, and to the end.

int worker_count = 2;
int increment_count = 1'000'000;
std::string order;

// The defect is here: load and store are each atomic, but they are two steps.
// Relaxed, because no other memory depends on the counter.
void increment(Counter& counter, bool narrated) {
  const int seen = counter.load(std::memory_order_relaxed);  // [load]
  if (narrated) ipc::say("Loaded {}", seen);
  ipc::point("after load");  // [point]
  counter.store(seen + 1, std::memory_order_relaxed);
  if (narrated) ipc::say("Incremented counter to {} (unsafe)", seen + 1);
}

// Each worker increments once, in the given order. Returns the final value.
int play(const std::string& steps, bool narrated) {
  const ipc::Shared<Counter> counter(0);
  ipc::Schedule schedule(narrated);
  for (int i = 0; i < ipc::order_size(steps); ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&] { increment(*counter, narrated); });
  }
  const std::string problem = schedule.play(steps);
  if (!problem.empty()) throw std::runtime_error(problem);
  return counter->load();
}

std::string final_value(const std::string& steps) {
  return std::to_string(play(steps, false));
}

// What the explorer plays in every order.
std::string increment_once_each(ipc::Schedule& schedule) {
  const ipc::Shared<Counter> counter(0);
  schedule.show("counter", [&] { return std::to_string(counter->load()); });
  for (int i = 0; i < worker_count; ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&] { increment(*counter, true); });
  }
  schedule.run();
  return std::to_string(counter->load());
}

struct Race {
  Counter counter{0};
  ipc::Event start;
};

void compete(Race& race, int increments) {
  race.start.wait();  // [start]
  for (int i = 0; i < increments; ++i) increment(race.counter, false);
}

// The same for the race: no worker may count before the start.
std::string race_once(ipc::Schedule& schedule) {
  const ipc::Shared<Race> race;
  const ipc::Shared<std::atomic<int>> early(0);
  for (int i = 0; i < worker_count; ++i) {
    schedule.add("Worker " + std::to_string(i), [&] { compete(*race, 1); });
  }
  schedule.add("Starter", [&] {
    *early = race->counter.load();
    race->start.set();
  });
  schedule.run();
  return std::to_string(race->counter) + ", " + std::to_string(*early) +
         " before the start";
}

void tell(int final, int updates) {
  ipc::say("Final counter value (without lock): {}", final);
  ipc::say("Lost {} of {} updates ({:.1f} %)", updates - final, updates,
           100.0 * (updates - final) / updates);
}

std::string play_one(const std::string& steps) {
  const int final = play(steps, true);
  tell(final, ipc::order_size(steps));
  return steps != kFatalOrder || final == 1 ? "" : "no update was lost";
}

// All workers begin at the same time and run as fast as they can.
void race() {
  ipc::say("Now {} workers, {} times each", worker_count, increment_count);
  const ipc::Shared<Race> race;
  std::vector<ipc::Process> workers;
  workers.reserve(static_cast<size_t>(worker_count));
  for (int i = 0; i < worker_count; ++i) {
    workers.emplace_back("Worker " + std::to_string(i),
                         [&] { compete(*race, increment_count); });
  }
  race->start.set();
  for (ipc::Process& worker : workers) {
    if (worker.join() != 0) throw std::runtime_error("a worker failed");
  }
  tell(race->counter, worker_count * increment_count);
}

std::string lesson() {
  if (order == "all") {
    (void)ipc::play_all(worker_count, kSteps, "Final value", final_value);
    return "";
  }
  std::string problem = play_one(order.empty() ? kFatalOrder : order);
  if (order.empty()) race();
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counter_without_lock", "How an update is lost, and how often.");
  lab.option("--workers", worker_count, 1, 20, "how many race");
  lab.option("--increments", increment_count, 1, 10'000'000, "per worker");
  lab.option("--schedule", order, ipc::order_rule(kSteps),
             "only play this order, such as ABAB, or all");
  lab.explores("increments", increment_once_each, {.memory_only = true});
  lab.explores("race", race_once, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
