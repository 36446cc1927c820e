// Wrong: no lock, because each worker has a part of its own; but the parts
// overlap by one counter, the last of the one and the first of the other.

#include <array>
#include <numeric>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

constexpr size_t kCounters = 8;
constexpr size_t kHalf = kCounters / 2;
using Counters = std::array<int, kCounters>;

struct Part {
  size_t first;
  size_t last;
};
constexpr Part kParts[] = {{0, kHalf},  // Should be kHalf - 1.
                           {kHalf, kCounters - 1}};

// With a point at the counter that is next to the other part.
void count(Counters& counters, const Part& part, size_t border) {
  for (size_t i = part.first; i <= part.last; ++i) {
    const int seen = counters[i];
    if (i == border) ipc::point("after load");
    counters[i] = seen + 1;
  }
}

// How often the two workers count.
size_t updates() {
  size_t sum = 0;
  for (const Part& part : kParts) sum += part.last - part.first + 1;
  return sum;
}

void add_workers(ipc::Schedule& schedule, Counters& counters) {
  schedule.add("Worker 0", [&] { count(counters, kParts[0], kParts[0].last); });
  schedule.add("Worker 1",
               [&] { count(counters, kParts[1], kParts[1].first); });
}

int total_of(const Counters& counters) {
  return std::accumulate(counters.begin(), counters.end(), 0);
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Counters> counters;
  const auto total = [&] { return std::to_string(total_of(*counters)); };
  schedule.show("total", total);
  add_workers(schedule, *counters);
  schedule.run();
  return total() + " of " + std::to_string(updates());
}

std::string lesson() {
  const ipc::Shared<Counters> counters;
  ipc::Schedule schedule(true);
  add_workers(schedule, *counters);
  const std::string problem = schedule.play("ABAB");
  ipc::say("Total {} of {}", total_of(*counters), updates());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("parts_overlap", "One lock, many locks, or none.");
  lab.explores("count", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
