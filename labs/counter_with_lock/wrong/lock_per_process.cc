// Wrong: the lock is an ordinary variable. fork(2) gives each worker a lock of
// its own, which no other process ever uses.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/lock.h"

namespace {

void increment(ipc::Lock& lock, int& counter) {
  const ipc::Guard guard(lock);
  const int seen = counter;
  ipc::point("after load");
  counter = seen + 1;
  ipc::say("Incremented counter to {}", seen + 1);
}

void add_workers(ipc::Schedule& schedule, int& counter) {
  ipc::Lock lock;
  schedule.add("Worker 0", [&] { increment(lock, counter); });
  schedule.add("Worker 1", [&] { increment(lock, counter); });
}

// What the explorer plays in every order.
std::string increment_once_each(ipc::Schedule& schedule) {
  const ipc::Shared<int> counter(0);
  const auto value = [&] { return std::to_string(*counter); };
  schedule.show("counter", value);
  add_workers(schedule, *counter);
  schedule.run();
  return value();
}

std::string lesson() {
  const ipc::Shared<int> counter(0);
  ipc::Schedule schedule(true);
  add_workers(schedule, *counter);
  const std::string problem = schedule.play("ABAB");
  ipc::say("Final counter value (with lock): {}", *counter);
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lock_per_process", "A counter and a lock.");
  lab.explores("increments", increment_once_each, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
