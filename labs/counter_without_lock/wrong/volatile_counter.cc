// Wrong: volatile is taken for atomic. It makes the compiler really load and
// really store; between the two another process may do the same.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

using Counter = volatile int;

void increment(Counter& counter) {
  const int seen = counter;
  ipc::point("after load");
  counter = seen + 1;
  ipc::say("Incremented counter to {}", seen + 1);
}

void add_workers(ipc::Schedule& schedule, Counter& counter) {
  schedule.add("Worker 0", [&] { increment(counter); });
  schedule.add("Worker 1", [&] { increment(counter); });
}

// What the explorer plays in every order.
std::string increment_once_each(ipc::Schedule& schedule) {
  const ipc::Shared<Counter> counter(0);
  const auto value = [&] { return std::to_string(*counter); };
  schedule.show("counter", value);
  add_workers(schedule, *counter);
  schedule.run();
  return value();
}

std::string lesson() {
  const ipc::Shared<Counter> counter(0);
  ipc::Schedule schedule(true);
  add_workers(schedule, *counter);
  const std::string problem = schedule.play("ABAB");
  ipc::say("Final counter value: {}", static_cast<int>(*counter));
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("volatile_counter", "A counter that is volatile.");
  lab.explores("increments", increment_once_each, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
