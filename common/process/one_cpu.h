// Keeps this process, and the children that it forks meanwhile, on one CPU: for
// processes that take turns, which would gain nothing from a second CPU but the
// cost of wake-ups from one CPU to the other.
//
// Lifetime: the destructor gives this process back the CPUs that it had before;
//           children keep the one.
// Errors:   std::system_error.
// See:      sched_setaffinity(2).
#pragma once

#include <sched.h>

#include "common/base/errors.h"

namespace ipc {

class OneCpu {
 public:
  OneCpu() {
    CPU_ZERO(&before_);
    check(::sched_getaffinity(0, sizeof before_, &before_), "getaffinity");
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(check(::sched_getcpu(), "sched_getcpu"), &here);
    check(::sched_setaffinity(0, sizeof here, &here), "setaffinity");
  }
  OneCpu(const OneCpu&) = delete;
  OneCpu& operator=(const OneCpu&) = delete;
  OneCpu(OneCpu&&) = delete;
  OneCpu& operator=(OneCpu&&) = delete;
  ~OneCpu() { (void)::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

}  // namespace ipc
