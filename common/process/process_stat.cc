#include "common/process/process_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace ipc {

std::optional<ProcessStat> read_stat(pid_t pid) {
  char path[32];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const UniqueFd file(
      retry([&] { return ::open(path, O_RDONLY | O_CLOEXEC); }));
  // ESRCH: the process was there when its folder was found, and then no longer.
  if (!file && (errno == ENOENT || errno == ESRCH)) return std::nullopt;
  check(file.get(), "open /proc/PID/stat");
  char text[2048];
  const ssize_t size =
      retry([&] { return ::read(file.get(), text, sizeof text - 1); });
  if (size == -1 && errno == ESRCH) return std::nullopt;
  check(size, "read /proc/PID/stat");
  text[size] = '\0';
  // "PID (name) state ...": the name may contain anything, also ") R".
  const char* const name = strchr(text, '(');
  const char* const name_end = strrchr(text, ')');
  ProcessStat stat;
  // Fields 3, 4, 20 and 22.
  constexpr const char* kFormat =
      ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
      " %ld %*d %lu";
  if (name_end == nullptr ||
      sscanf(name_end, kFormat, &stat.state, &stat.parent, &stat.thread_count,
             &stat.start_ticks) != 4) {
    throw_error(EPROTO, "parse /proc/PID/stat");
  }
  stat.name.assign(name + 1, name_end);
  // The last field: the status that wait(2) would return.
  const int status = ::atoi(strrchr(text, ' '));
  stat.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return stat;
}

bool has_ended(pid_t pid) {
  const std::optional<ProcessStat> stat = read_stat(pid);
  return !stat || stat->has_ended();
}

}  // namespace ipc
