// lock_granularity: one lock for 64 counters, a lock for each, or none.
//
//   Worker 0 --+--> [ lock | counter 0, counter 1, ... counter 63 ]
//   Worker 1 --+
//
// Watch for: who waits for whom (counted, the same on every run), and what that
// costs (measured, and different on every machine).
// Try: --workers=8; --updates=1000000, built with -c opt.

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/explore/explorer.h"
#include "common/explore/orders.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/measure.h"
#include "common/report/report.h"
#include "labs/lock_granularity/counters.h"

namespace {

constexpr int kSteps = 2;  // Of one update: to the point, and to the end.
constexpr double kPauseS = 0.5;
int worker_count = 2;
int update_count = 50'000;
int round_count = 5;

void add_both(ipc::Schedule& schedule, Board& board, Way way, size_t index_a,
              size_t index_b) {
  schedule.add("Worker 0", [&] { count_once(board, index_a, way); });
  schedule.add("Worker 1", [&] { count_once(board, index_b, way); });
}

// Says in how many orders one of two workers has to wait for the other.
void say_waits(const char* title, Way way, size_t index_a, size_t index_b) {
  const auto orders = ipc::all_orders(2, kSteps);
  const auto outcomes = ipc::outcomes_of(orders, [&](const auto& steps) {
    const ipc::Shared<Board> board;
    ipc::Schedule schedule;
    add_both(schedule, *board, way, index_a, index_b);
    const std::string problem = schedule.play(steps);
    if (!problem.empty()) throw std::runtime_error(problem);
    return board->waits > 0 ? "waits" : "none";
  });
  const auto found = outcomes.find("waits");
  ipc::say("{}: one waits in {} of {} orders", title,
           found == outcomes.end() ? 0 : found->second.count, orders.size());
}

// For the explorer, which plays every order: the workers of `add`, what they
// have counted, and whether one had to wait.
ipc::Scenario counting(std::function<void(ipc::Schedule&, Board&)> add) {
  return [add = std::move(add)](ipc::Schedule& schedule) {
    const ipc::Shared<Board> board;
    const auto total = [&] {
      int64_t sum = 0;
      for (const Counter& counter : board->counters) sum += counter.value;
      return std::to_string(sum);
    };
    schedule.show("total", total);
    add(schedule, *board);
    schedule.run();
    return total() + (board->waits > 0 ? ", one waits" : ", nobody waits");
  };
}

// Two workers count one or two counters.
ipc::Scenario both_count(Way way, size_t index_a, size_t index_b) {
  return counting([=](ipc::Schedule& schedule, Board& board) {
    add_both(schedule, board, way, index_a, index_b);
  });
}

// One counts while another one adds up.
ipc::Scenario count_and_add_up(Way way) {
  return counting([=](ipc::Schedule& schedule, Board& board) {
    schedule.add("Worker", [=, &board] { count_once(board, 1, way); });
    schedule.add("Reader", [=, &board] { (void)total_at_once(board, way); });
  });
}

// Says what does not depend on time. Returns whether no update was lost.
bool say_counts(const char* title, Way way) {
  const Result result = count_many(way, worker_count, update_count);
  const int64_t updates = int64_t{worker_count} * update_count;
  ipc::say("{}: total {} of {}, {} lock calls, {} waits", title, result.total,
           updates, result.calls, result.waits);
  return result.total == updates;
}

void say_times() {
  const auto timed = [](Way way) {
    return [=] { return count_many(way, worker_count, update_count).seconds; };
  };
  const auto times = ipc::measure(
      round_count,
      {timed(Way::one_lock), timed(Way::lock_each), timed(Way::own_counts)});
  ipc::say("One lock takes {}", ipc::describe_s(ipc::spread(times[0])));
  ipc::say("A lock for each is {} times as fast",
           ipc::describe(ipc::ratio(times[0], times[1])));
  ipc::say("Own counts are {} times as fast",
           ipc::describe(ipc::ratio(times[0], times[2])));
}

void say_total(const char* title, Way way) {
  const ipc::Shared<Board> board;
  (void)total_at_once(*board, way);
  ipc::say("{}: lock calls {}", title, board->calls.load());
}

std::string lesson() {
  ipc::say("Act 1: two workers, and every order of their steps");
  say_waits("One lock, two counters", Way::one_lock, 0, 1);
  say_waits("A lock for each, two counters", Way::lock_each, 0, 1);
  say_waits("A lock for each, the same counter", Way::lock_each, 0, 0);
  ipc::pause_s(kPauseS);

  ipc::say("Act 2: {} workers, {} updates each", worker_count, update_count);
  if (!say_counts("One lock", Way::one_lock) ||
      !say_counts("A lock for each", Way::lock_each) ||
      !say_counts("Own counts", Way::own_counts)) {
    return "an update was lost";
  }
  say_times();
  ipc::pause_s(kPauseS);

  ipc::say("Act 3: the total of all counters at one moment");
  say_total("One lock", Way::one_lock);
  say_total("A lock for each", Way::lock_each);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lock_granularity", "One lock, many locks, or none.");
  lab.option("--workers", worker_count, 1, kMaxWorkers, "workers in act 2");
  lab.option("--updates", update_count, 1, 10'000'000, "updates of each");
  lab.option("--rounds", round_count, 1, 1000, "measured rounds");
  const ipc::ExploreOptions memory{.memory_only = true};
  lab.explores("one_lock", both_count(Way::one_lock, 0, 1), memory);
  lab.explores("lock_each", both_count(Way::lock_each, 1, 2), memory);
  lab.explores("same_counter", both_count(Way::lock_each, 0, 0), memory);
  lab.explores("own_counts", both_count(Way::own_counts, 0, 1), memory);
  lab.explores("total", count_and_add_up(Way::lock_each), memory);
  return lab.run(argc, argv, lesson);
}
