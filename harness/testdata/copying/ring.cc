// A child puts a hundred numbers into a ring that has room for three.
#include "common/channel/ring.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

int main() {
  constexpr int kCount = 100;
  ipc::SpscRing ring(3, sizeof(int));
  const ipc::Deadline limit = ipc::Deadline::after(10);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < kCount; ++i) {
      while (!ring.try_put(&i) && !limit.expired()) ::sched_yield();
    }
    ::_exit(0);
  }
  int count = 0;
  while (count < kCount && !limit.expired()) {
    int number = -1;
    if (!ring.try_get(&number)) {
      ::sched_yield();
    } else if (number != count++) {
      break;
    }
  }
  ::waitpid(child, nullptr, 0);
  return count == kCount && ring.head() == kCount ? 0 : 1;
}
