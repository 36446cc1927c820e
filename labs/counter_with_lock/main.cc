// counter_with_lock: the counter again; with a lock no order loses an update.
//
//   Worker 0..4 --lock--> [ counter ] --unlock--> the next one
//
// Watch for: in order ABAB worker 1 has to wait, because worker 0 is between
// load and store; so it loads what worker 0 has stored.
// Try: --schedule=all, also without the line marked [lock]; and --kill.

#include <signal.h>

#include <algorithm>
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
#include "common/sync/lock.h"

namespace {

constexpr int kSteps = 2;  // Of one increment: to the point, and to the end.
int worker_count = 5;
int increment_count = 10;
std::string order;
bool kill_owner = false;

struct Board {
  ipc::Lock lock;
  int counter = 0;  // Guarded by the lock, so it need not be atomic.
};

void increment(Board& board, bool dies = false) {
  ipc::Guard guard(board.lock);  // [lock]
  if (guard.owner_died()) {      // [died]
    ipc::say("The last owner died inside the lock");
    guard.repaired();  // An int is stored or not: there is nothing to repair.
  }
  const int seen = board.counter;
  ipc::point("after load");
  if (dies) ::raise(SIGKILL);
  board.counter = seen + 1;
  // Said before the guard unlocks, so the lines are in the order of the counts.
  ipc::say("Incremented counter to {}", seen + 1);
}

std::string judge(int final, int updates) {
  ipc::say("Final counter value (with lock): {}", final);
  if (final == updates) return "";
  return "an update was lost; is the lock held all the way from load to store?";
}

void add_workers(ipc::Schedule& schedule, Board& board, int count) {
  for (int i = 0; i < count; ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&, i] { increment(board, kill_owner && i == 0); });
  }
}

// Each worker increments once, in the given order. Returns the final value.
int play(const std::string& steps, bool narrated) {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(narrated);
  add_workers(schedule, *board, ipc::order_size(steps));
  const std::string problem = schedule.play(steps);
  if (!problem.empty() && !kill_owner) throw std::runtime_error(problem);
  return board->counter;
}

// The same for the explorer, which decides the order.
std::string increment_once_each(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  ipc::describe_object("Lock", &board->lock, "counter");
  const auto value = [&] { return std::to_string(board->counter); };
  schedule.show("counter", value);
  add_workers(schedule, *board, std::min(worker_count, 3));
  schedule.run();
  return value();
}

std::string play_one(const std::string& steps) {
  return judge(play(steps, true), ipc::order_size(steps) - int{kill_owner});
}

std::string play_all() {
  const auto outcomes = ipc::play_all(
      worker_count, kSteps, "Final value",
      [](const auto& steps) { return std::to_string(play(steps, false)); });
  const auto& [worst, outcome] = *outcomes.begin();
  const int workers = ipc::order_size(outcome.witness);
  return judge(std::stoi(worst), workers - int{kill_owner});
}

// As in the guide: in any order, with pauses.
std::string work() {
  ipc::say("Now {} workers, {} times each", worker_count, increment_count);
  const ipc::Shared<Board> board;
  std::vector<ipc::Process> workers;
  workers.reserve(static_cast<size_t>(worker_count));
  for (int i = 0; i < worker_count; ++i) {
    workers.emplace_back("Worker " + std::to_string(i), [&, i] {
      auto source = ipc::random_source(static_cast<unsigned>(i));
      for (int k = 0; k < increment_count; ++k) {
        increment(*board);
        ipc::pause_s(0.2 * ipc::random_unit(source));
      }
    });
  }
  for (ipc::Process& worker : workers) {
    if (worker.join() != 0) return "a worker failed";
  }
  return judge(board->counter, worker_count * increment_count);
}

std::string lesson() {
  if (order == "all") return play_all();
  std::string problem = play_one(order.empty() ? "ABAB" : order);
  if (!problem.empty() || !order.empty() || kill_owner) return problem;
  return work();
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("counter_with_lock", "A counter that loses no update.");
  lab.option("--workers", worker_count, 1, 20, "how many increment");
  lab.option("--increments", increment_count, 1, 100'000, "per worker");
  lab.option("--schedule", order, ipc::order_rule(kSteps),
             "only play this order, such as ABAB, or all");
  lab.option("--kill", kill_owner, "kill worker 0 between load and store");
  lab.explores("increments", increment_once_each, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
