// Why a lab does not go on, in words that a student understands: who waits, in
// which call, for what, who holds that, and the circle, if there is one.
// harness/hang.py says the same of the runs of a test, in the same words.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "common/lab/internal/tasks.h"

namespace ipc::lab_internal {

// A line for each thread of the processes that descend from `ancestor`, and
// one for the circle of those that wait for each other; none if nobody is left.
std::vector<std::string> explain_hang(pid_t ancestor);

// Follows what descends from a process, and tells when nothing moves any more.
class Rest {
 public:
  // `limit_s`: whoever sleeps, but not for so long, will go on.
  Rest(pid_t ancestor, double limit_s);

  // To be called now and then. While all have slept for some seconds, with
  // nothing that would wake them, the explanation; empty otherwise.
  const std::vector<std::string>& look();

  // For how long that has been so.
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
