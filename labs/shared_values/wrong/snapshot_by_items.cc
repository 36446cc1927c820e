// Wrong: the monitor locks the array for each item that it reads, as Python's
// `[x for x in array]` does. Between two items others may change them all.

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "common/lab.h"
#include "common/lock.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/value.h"

namespace {

using Array = ipc::Array<int>;

void increment(const Array& array) {
  const ipc::Guard guard(array.get_lock());
  for (int& number : array.span()) ++number;
}

void monitor(const Array& array) {
  std::vector<int> numbers;
  for (size_t i = 0; i < array.size(); ++i) {
    {
      const ipc::Guard guard(array.get_lock());
      numbers.push_back(array[i]);
    }
    ipc::point("after an item");
  }
  ipc::say("Current count: {}, Array: {}", numbers.back(), numbers);
}

std::string lesson() {
  const Array array{0, 0, 0, 0, 0};
  ipc::Schedule schedule(true);
  schedule.add("Incrementer 0", [&] { increment(array); });
  schedule.add("Monitor", [&] { monitor(array); });
  const std::string problem = schedule.play("BBABBBB");
  ipc::say("Final counter value: 1");
  ipc::say("Final array values: {}", array.snapshot());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("snapshot_by_items", "A snapshot that is taken item by item.");
  return lab.run(argc, argv, lesson);
}
