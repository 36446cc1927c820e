// What the kernel tells of any process, by its number.
//
// Requires: a /proc of the caller's own pid namespace.
// Errors:   std::system_error if it cannot be told (no free descriptor, for
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
  uint64_t start_ticks = 0;  // When it was started, since the machine was.
  int status = 0;            // As of Process::join(), if it is a zombie.

  // Its first thread, at least.
  [[nodiscard]] bool has_ended() const { return state == 'Z' || state == 'X'; }
};

// Nothing if there is no such process, or none that this user may see.
std::optional<ProcessStat> read_stat(pid_t pid);

// Whether the process is gone, or a zombie.
bool has_ended(pid_t pid);

}  // namespace ipc
