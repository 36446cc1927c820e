// semaphore: five workers, two permits, and never three holders.
//
//   Worker 0..4 --acquire--> [ 2 permits ] --release--> one that waits
//
// Watch for: the third worker waits for a release. Permits of a killed holder
// are lost, unless the semaphore is a bounded one.
// Try: --schedule=all, also without the line marked [acquire].

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/semaphore.h"

namespace {

constexpr int kSteps = 2;  // Of one worker: to the point, and to the end.
constexpr uint32_t kPermits = 2;
constexpr double kWorkS = 0.5;
int worker_count = 5;
std::string order;

struct Board {
  ipc::Semaphore permits{kPermits};
  std::atomic<uint32_t> holders{0};
  std::atomic<uint32_t> seen{1};  // Bit n: there were n holders at a time.
  int most_holders() const { return 31 - std::countl_zero(seen.load()); }
};

void work(Board& board) {
  ipc::say("Waiting for the semaphore");
  board.permits.acquire();              // [acquire]
  board.seen |= 1U << ++board.holders;  // [count]
  ipc::say("Acquired the semaphore");
  ipc::point("with a permit");
  if (order != "all") ipc::pause_s(kWorkS);
  --board.holders;
  ipc::say("Releasing the semaphore");  // [say] Before another one gets it.
  board.permits.release();              // [release]
}

std::string judge(int most) {
  ipc::say("Most holders at a time: {} of {} permits", most, kPermits);
  return most == 1 || most == 2 ? "" : "too many holders, or a worker failed";
}

void add_workers(ipc::Schedule& schedule, Board& board, int count) {
  for (int i = 0; i < count; ++i) {
    schedule.add("Worker " + std::to_string(i), [&] { work(board); });
  }
}

int play(const std::string& steps, bool narrated) {
  const ipc::Shared<Board> board;
  ipc::Schedule schedule(narrated);
  add_workers(schedule, *board, ipc::order_size(steps));
  return schedule.play(steps).empty() ? board->most_holders() : -1;
}

// The same for the explorer, which decides about the order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Board> board;
  schedule.show("holders", [&] { return std::to_string(board->holders); });
  schedule.always(
      [&] { return board->holders > kPermits ? "too many holders" : ""; });
  add_workers(schedule, *board, std::min(worker_count, 3));
  schedule.run();
  return std::to_string(board->most_holders()) + " at a time";
}

std::string work_together() {
  const ipc::Shared<Board> board;
  std::vector<ipc::Process> workers;
  workers.reserve(static_cast<size_t>(worker_count));
  for (int i = 0; i < worker_count; ++i) {
    workers.emplace_back("Worker " + std::to_string(i), [&] { work(*board); });
  }
  for (ipc::Process& worker : workers) {
    if (worker.join() != 0) return "a worker failed";
  }
  return judge(board->most_holders());
}

template <typename Permits>
std::string outlive(bool comes_back) {
  const ipc::Shared<Permits> permits(kPermits);
  ipc::Process holder("Holder", [&] {
    for (uint32_t i = 0; i < kPermits; ++i) permits->acquire();
    ipc::say("Acquired both permits");
    ::raise(SIGKILL);
  });
  if (holder.join() != -SIGKILL) return "the holder was not killed";
  ipc::say("Permits left: {} of {}", permits->value(), kPermits);
  const auto deadline = ipc::Deadline::after(ipc::paced_s(kWorkS));
  const bool acquired = permits->acquire_until(deadline);  // [heir]
  ipc::say("{}", acquired ? "Acquired a permit of the dead" : "Gave up");
  return acquired == comes_back ? "" : "the permit is not as expected";
}

std::string lesson() {
  if (order == "all") {
    const auto outcomes = ipc::play_all(
        3, kSteps, "Most holders",
        [](const auto& steps) { return std::to_string(play(steps, false)); });
    return judge(std::stoi(outcomes.rbegin()->first));
  }
  if (!order.empty()) return judge(play(order, true));
  ipc::say("Act 1: three workers");
  std::string problem = judge(play("ABCABC", true));
  ipc::say("Act 2: {} workers, and no order", worker_count);
  if (problem.empty()) problem = work_together();
  ipc::say("Act 3: the holder of a Semaphore is killed");
  if (problem.empty()) problem = outlive<ipc::Semaphore>(false);
  ipc::say("Act 4: the holder of a BoundedSemaphore is killed");
  return problem.empty() ? outlive<ipc::BoundedSemaphore>(true) : problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("semaphore", "Five workers, two permits, at most two holders.");
  lab.option("--workers", worker_count, 1, 20, "workers in act 2");
  lab.option("--schedule", order, ipc::order_rule(kSteps), "an order, or all");
  lab.explores("workers", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
