// Wrong: every access is locked, but never two of them together. Python's
// `array[j] = array[j] + 1` does this: it locks once to read and once to write.

#include <fmt/ranges.h>

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "common/sync/lock.h"
#include "common/sync/value.h"

namespace {

using Array = ipc::Array<int>;

int load(const Array& array, size_t index) {
  const ipc::Guard guard(array.get_lock());
  return array[index];
}

void store(const Array& array, size_t index, int number) {
  const ipc::Guard guard(array.get_lock());
  array[index] = number;
}

void increment(const Array& array) {
  for (size_t i = 0; i < array.size(); ++i) {
    const int seen = load(array, i);
    ipc::point("after load");
    store(array, i, seen + 1);
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
  ipc::Lab lab("two_locks", "Two that increment an array with a lock.");
  lab.explores("array", two_rounds, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
