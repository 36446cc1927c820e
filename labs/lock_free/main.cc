// lock_free: what processes can share without a lock, and how.
//
//   Producer --tail--> [ slot 0, slot 1, slot 2, slot 3 ] --head--> Consumer
//   Worker 0 --compare-and-swap--> [ one word ] <--compare-and-swap-- Worker 1
//
// Watch for: in act 1 each counter has one writer, so no store can be late. In
// acts 2 and 3 one word has several, and a swap that comes too late fails. In
// act 4 the order of the steps is not all that matters.
// Try: --workers=4 --increments=100000; --items=1000 --pace=0.

#include <signal.h>
#include <stddef.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/channel/ring.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/lock_free/counter.h"
#include "labs/lock_free/flags.h"
#include "labs/lock_free/ring_roles.h"
#include "labs/lock_free/scenarios.h"

namespace {

constexpr double kPauseS = 0.5;
int item_count = 10;
int worker_count = 2;
int increment_count = 1'000'000;
int round_count = 20'000;

// Runs a role in several processes at once.
void run_all(const std::string& name, int count,
             const std::function<void(int number)>& role) {
  const ipc::Shared<ipc::Event> start;
  std::vector<ipc::Process> processes;
  processes.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    processes.emplace_back(name + " " + std::to_string(i), [&, i] {
      start->wait();
      role(i);
    });
  }
  start->set();
  for (ipc::Process& process : processes) {
    if (process.join() != 0) throw std::runtime_error(name + " has failed");
  }
}

void pass_items() {
  ipc::say("Act 1: a ring, with room for {} items", kRoom);
  ipc::SpscRing ring(kRoom, sizeof(int));  // [ring]
  ipc::Process first("Producer", [&] { produce(ring, item_count, true); });
  const int status = first.join();
  ipc::say("The producer was {}", ipc::describe_status(status));
  if (status != -SIGKILL) throw std::runtime_error("it was not killed");
  ipc::Process next("Producer", [&] { produce(ring, item_count, false); });
  ipc::Process consumer("Consumer", [&] { consume(ring, item_count); });
  if (next.join() != 0) throw std::runtime_error("the producer has failed");
  if (consumer.join() != 0) throw std::runtime_error("the consumer has failed");
}

std::string count_together() {
  ipc::say("Act 2: compare-and-swap");
  const ipc::Shared<Counter> counter;
  {
    ipc::Schedule schedule(true);
    add_workers(schedule, *counter, 2);
    std::string problem = schedule.play("ABABB");
    if (!problem.empty()) return problem;
  }
  ipc::say("Counter {} of 2, retries {}", counter->value.load(),
           counter->retries.load());
  ipc::pause_s(kPauseS);

  ipc::say("Now {} workers, {} times each", worker_count, increment_count);
  const ipc::Shared<Counter> raced;
  run_all("Worker", worker_count, [&](int /*number*/) {
    for (int i = 0; i < increment_count; ++i) increment(*raced, false);
  });
  const int updates = worker_count * increment_count;
  ipc::say("Counter {} of {}, retries {}", raced->value.load(), updates,
           raced->retries.load());
  return raced->value == updates ? "" : "an update was lost";
}

std::string take_slots() {
  ipc::say("Act 3: a stack of free slots");
  const ipc::Shared<SlotBoard> board;
  ipc::Schedule schedule(true);
  add_takers(schedule, *board);
  std::string problem = schedule.play("ABBBBAAA");
  ipc::say("{}", board->verdict());
  return problem;
}

void look_at_each_other() {
  ipc::say("Act 4: each raises a flag, then looks for the other's");
  const ipc::Shared<Flags> flags;
  const auto rounds = static_cast<uint32_t>(round_count);
  run_all("Side", 2, [&](int number) {
    play_rounds(*flags, static_cast<size_t>(number), rounds);
  });
  ipc::say("{} rounds: in {} of them neither side saw the other", rounds,
           count_misses(*flags, rounds));
}

std::string lesson() {
  pass_items();
  ipc::pause_s(kPauseS);
  if (std::string problem = count_together(); !problem.empty()) return problem;
  ipc::pause_s(kPauseS);
  if (std::string problem = take_slots(); !problem.empty()) return problem;
  ipc::pause_s(kPauseS);
  look_at_each_other();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lock_free", "What processes can share without a lock.");
  lab.option("--items", item_count, static_cast<int>(kRoom) + 1, 10'000,
             "items that pass the ring in act 1");
  lab.option("--workers", worker_count, 1, 20, "workers that count in act 2");
  lab.option("--increments", increment_count, 1, 10'000'000, "of each worker");
  lab.option("--rounds", round_count, 1, Flags::kRoundsMost, "rounds of act 4");
  lab.explores("ring", explore_ring, {.inner = true, .memory_only = true});
  const ipc::ExploreOptions memory{.memory_only = true};
  lab.explores("counter", explore_counter(worker_count), memory);
  lab.explores("slots", explore_slots, memory);
  lab.explores("flags", explore_flags, memory);
  return lab.run(argc, argv, lesson);
}
