// Wrong: the array has a lock of its own, which no process takes. Each load is
// whole and each store is whole, but the two are not one step.

#include <fmt/ranges.h>

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "common/sync/value.h"

namespace {

using Array = ipc::Array<int>;

void increment(const Array& array) {
  for (int& number : array.span()) {
    const int seen = number;
    ipc::point("after load");
    number = seen + 1;
  }
}

// What the explorer plays in every order: arrays of two items.
std::string two_rounds(ipc::Schedule& schedule) {
  const Array array{0, 0};
  schedule.show("array", [&] { return fmt::format("{}", array.span()); });
  schedule.add("Incrementer 0", [&] { increment(array); });
  schedule.add("Incrementer 1", [&] { increment(array); });
  schedule.run();
  return fmt::format("{}", array.span());
}

std::string lesson() {
  const Array array{0, 0, 0, 0, 0};
  ipc::Schedule schedule(true);
  schedule.add("Incrementer 0", [&] { increment(array); });
  schedule.add("Incrementer 1", [&] { increment(array); });
  const std::string problem = schedule.play("AAABBBBBBAAA");
  ipc::say("Final counter value: 2");
  ipc::say("Final array values: {}", array.snapshot());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("array_without_lock", "Two that increment an array.");
  lab.explores("array", two_rounds, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
