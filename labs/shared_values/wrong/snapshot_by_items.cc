// Wrong: the monitor locks the array for each item that it reads, as Python's
// `[x for x in array]` does. Between two items others may change them all.

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "common/sync/lock.h"
#include "common/sync/value.h"

namespace {

using Array = ipc::Array<int>;

void increment(const Array& array) {
  const ipc::Guard guard(array.get_lock());
  for (int& number : array.span()) ++number;
}

std::vector<int> monitor(const Array& array) {
  std::vector<int> numbers;
  for (size_t i = 0; i < array.size(); ++i) {
    {
      const ipc::Guard guard(array.get_lock());
      numbers.push_back(array[i]);
    }
    ipc::point("after an item");
  }
  ipc::say("Current count: {}, Array: {}", numbers.back(), numbers);
  return numbers;
}

// What the explorer plays in every order: the array that the monitor saw.
std::string one_look(ipc::Schedule& schedule) {
  const Array array{0, 0, 0, 0, 0};
  const Array seen{0, 0, 0, 0, 0};
  schedule.show("array", [&] { return fmt::format("{}", array.span()); });
  schedule.add("Incrementer", [&] { increment(array); });
  schedule.add("Monitor", [&] {
    const std::vector<int> numbers = monitor(array);
    std::copy(numbers.begin(), numbers.end(), seen.span().begin());
  });
  schedule.run();
  return fmt::format("saw {}", seen.span());
}

std::string lesson() {
  const Array array{0, 0, 0, 0, 0};
  ipc::Schedule schedule(true);
  schedule.add("Incrementer 0", [&] { increment(array); });
  schedule.add("Monitor", [&] { (void)monitor(array); });
  const std::string problem = schedule.play("BBABBBB");
  ipc::say("Final counter value: 1");
  ipc::say("Final array values: {}", array.snapshot());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("snapshot_by_items", "A monitor that looks at an array.");
  lab.explores("snapshot", one_look, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
