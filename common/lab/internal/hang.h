// Explains why a lab does not continue, in words that a student understands:
// which process waits, in which call, for what, which process holds that, and
// whether they wait in a circle. harness/hang.py explains the runs of a test in
// the same words.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "common/lab/internal/tasks.h"

namespace ipc::lab_internal {

// Returns a line for each thread of the processes that descend from `ancestor`,
// and one for a circle in which they wait for each other. Empty if no process
// is left.
std::vector<std::string> explain_hang(pid_t ancestor);

// Watches the descendants of a process, and notices when none makes progress.
class Rest {
 public:
  // A process that sleeps for less than `limit_s` counts as making progress.
  Rest(pid_t ancestor, double limit_s);

  // Call it now and then. Returns the explanation if all have slept for some
  // seconds and nothing would wake them; otherwise it is empty.
  const std::vector<std::string>& look();

  // How long they have not moved, in seconds.
  [[nodiscard]] double quiet_s() const;

 private:
  [[nodiscard]] bool has_moved();

  pid_t ancestor_;
  double limit_s_;
  int64_t since_ns_;
  uint64_t ticks_before_ = 0;
  std::vector<pid_t> pids_;
  std::vector<std::string> explanation_;
};

}  // namespace ipc::lab_internal
