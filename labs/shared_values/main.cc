// shared_values: a shared counter with a lock, and a shared array without.
//
//   Incrementer 0..3 --add 1 to each--> [ counter ] [ array of 5 ] <-- Monitor
//
// Watch for: in the arranged order incrementer 0 is stopped in the middle of
// its round. The monitor sees half a round, and one update of the array is
// lost; with the lock neither happens. The counter is exact in every run.
// Try: --locked; --typecodes for the types that Python's letters stand for.

#include <fmt/ranges.h>

#include <numeric>
#include <string>
#include <vector>

#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/shared_values/actors.h"
#include "labs/shared_values/scenario.h"
#include "labs/shared_values/typecodes.h"

namespace {

// A and B are incrementers of 6 steps each, one more than there are items; C is
// the monitor, with one step.
constexpr const char* kFatalOrder = "AAACBBBBBBAAA";

int incrementer_count = 4;
int increment_count = 100;
int snapshot_count = 20;
bool lock_array = false;
bool typecodes = false;

// Says what is left after these rounds; returns "" if it is as it should be.
std::string judge(const Board& board, ArrayLock lock, int rounds) {
  const int total = count(board.counter);
  ipc::say("Final counter value: {}", total);
  if (total != rounds) return "the counter is wrong; is it locked?";

  const std::vector<int> numbers = board.array.snapshot();
  const int updates = rounds * static_cast<int>(numbers.size());
  const int lost = updates - std::accumulate(numbers.begin(), numbers.end(), 0);
  ipc::say("Final array values: {}{}", numbers, note(lock));
  ipc::say("Lost {} of {} updates of the array", lost, updates);
  if (lock == ArrayLock::none || lost == 0) return "";
  return "updates were lost; is the array locked for the whole round?";
}

// Two incrementers, one round each, and one look, in the fatal order.
std::string play(ArrayLock lock) {
  const Board board;
  ipc::Schedule schedule(true);
  schedule.add("Incrementer 0", [&] { increment(board, lock); });
  schedule.add("Incrementer 1", [&] { increment(board, lock); });
  schedule.add("Monitor", [&] { (void)monitor(board, lock); });
  std::string problem = schedule.play(kFatalOrder);
  return problem.empty() ? judge(board, lock, 2) : problem;
}

// As in the guide: no order, and pauses.
std::string work(ArrayLock lock) {
  ipc::say("Act 3: no order, {} incrementers, {} times each", incrementer_count,
           increment_count);
  const Board board;
  std::vector<ipc::Process> processes;
  processes.reserve(static_cast<size_t>(incrementer_count) + 1);
  for (int i = 0; i < incrementer_count; ++i) {
    processes.emplace_back("Incrementer " + std::to_string(i), [&] {
      for (int k = 0; k < increment_count; ++k) {
        increment(board, lock);
        ipc::pause_s(0.01);
      }
    });
  }
  processes.emplace_back("Monitor", [&] {
    for (int k = 0; k < snapshot_count; ++k) {
      (void)monitor(board, lock);
      ipc::pause_s(0.1);
    }
  });
  for (ipc::Process& process : processes) {
    if (process.join() != 0) return process.name() + " failed";
  }
  return judge(board, lock, incrementer_count * increment_count);
}

std::string lesson() {
  if (typecodes) {
    say_typecodes();
    return "";
  }
  ipc::say("Act 1: nobody locks the array");
  std::string problem = play(ArrayLock::none);
  if (!problem.empty()) return problem;
  ipc::say("Act 2: all lock the array");
  problem = play(ArrayLock::held);
  if (!problem.empty()) return problem;
  return work(lock_array ? ArrayLock::held : ArrayLock::none);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("shared_values", "A counter with a lock, an array without.");
  lab.option("--incrementers", incrementer_count, 1, 20, "how many, in act 3");
  lab.option("--increments", increment_count, 0, 100'000, "rounds of each");
  lab.option("--snapshots", snapshot_count, 0, 1000, "looks of the monitor");
  lab.option("--locked", lock_array, "lock the array in the last part too");
  lab.option("--typecodes", typecodes, "only show the types");
  const ipc::ExploreOptions memory{.memory_only = true};
  lab.explores("array", two_rounds(ArrayLock::none), memory);
  lab.explores("locked array", two_rounds(ArrayLock::held), memory);
  lab.explores("snapshot", one_look(ArrayLock::none), memory);
  lab.explores("locked snapshot", one_look(ArrayLock::held), memory);
  return lab.run(argc, argv, lesson);
}
