// What the kernel reports about any process, found by its number.
//
// Requires: a /proc of the caller's own pid namespace.
// Errors:   std::system_error if /proc cannot be read (no free descriptor, for
//           example).
// See:      proc(5), "/proc/[pid]/stat".
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <optional>
#include <string>

namespace ipc {

struct ProcessStat {
  std::string name;
  char state = '?';  // 'R' runs, 'S' sleeps, 'T' is stopped, 'Z' is a zombie.
  pid_t parent = 0;
  long thread_count = 0;
  uint64_t start_ticks = 0;  // When it was started: clock ticks since boot.
  int status = 0;            // As from Process::join(), if it is a zombie.

  // At least the first thread has ended; others may still run.
  [[nodiscard]] bool has_ended() const { return state == 'Z' || state == 'X'; }
};

// Nothing if there is no such process, or if this user may not see it.
std::optional<ProcessStat> read_stat(pid_t pid);

// Whether the process is gone or a zombie.
bool has_ended(pid_t pid);

}  // namespace ipc
