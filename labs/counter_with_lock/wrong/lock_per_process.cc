// Wrong: the lock is an ordinary variable. fork(2) gives each worker a lock of
// its own, and nobody else ever wants that one.

#include <string>

#include "common/lab.h"
#include "common/lock.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"
#include "common/shared.h"

namespace {

void increment(ipc::Lock& lock, int& counter) {
  const ipc::Guard guard(lock);
  const int seen = counter;
  ipc::point("after load");
  counter = seen + 1;
  ipc::say("Incremented counter to {}", seen + 1);
}

std::string lesson() {
  ipc::Lock lock;
  const ipc::Shared<int> counter(0);
  ipc::Schedule schedule(true);
  schedule.add("Worker 0", [&] { increment(lock, *counter); });
  schedule.add("Worker 1", [&] { increment(lock, *counter); });
  const std::string problem = schedule.play("ABAB");
  ipc::say("Final counter value (with lock): {}", *counter);
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lock_per_process", "A lock that is not shared.");
  return lab.run(argc, argv, lesson);
}
