#include "common/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <optional>

#include "common/errors.h"
#include "common/point.h"
#include "common/unique_fd.h"

namespace ipc {
namespace {

constexpr int kTickBits = 42;

// What /proc/PID/stat says; nothing if there is no such process.
struct Stat {
  char state = '?';
  long thread_count = 0;
  uint64_t start_ticks = 0;
};

std::optional<Stat> read_stat(pid_t pid) {
  char path[32];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const UniqueFd file(
      retry([&] { return ::open(path, O_RDONLY | O_CLOEXEC); }));
  // ESRCH: it was there when its folder was found, and no longer after that.
  if (!file && (errno == ENOENT || errno == ESRCH)) return std::nullopt;
  check(file.get(), "open /proc/PID/stat");
  char text[1024];
  const ssize_t size =
      retry([&] { return ::read(file.get(), text, sizeof text - 1); });
  if (size == -1 && errno == ESRCH) return std::nullopt;
  check(size, "read /proc/PID/stat");
  text[size] = '\0';
  // "PID (name) state ...": the name may contain anything, also ") R".
  const char* const name_end = strrchr(text, ')');
  Stat stat;
  // Fields 3, 20 and 22 of proc(5), "/proc/[pid]/stat".
  constexpr const char* kFormat =
      ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
      " %ld %*d %lu";
  if (name_end == nullptr ||
      sscanf(name_end, kFormat, &stat.state, &stat.thread_count,
             &stat.start_ticks) != 3) {
    throw_error(EPROTO, "parse /proc/PID/stat");
  }
  return stat;
}

Holder make_holder(pid_t pid, const Stat& stat) {
  return static_cast<Holder>(static_cast<uint64_t>(pid) << kTickBits |
                             stat.start_ticks);
}

std::atomic<Holder> self = Holder::nobody;

}  // namespace

Holder holder_self() {
  Holder known = self.load();
  if (known != Holder::nobody) return known;
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { self.store(Holder::nobody); });
  check_zero(registered, "pthread_atfork");
  const std::optional<Stat> stat = read_stat(::getpid());
  if (!stat) throw_error(ENOENT, "no /proc of this process");
  known = make_holder(::getpid(), *stat);
  self.store(known);
  return known;
}

bool holder_alive(Holder holder) {
  if (Gate* const own = gate()) [[unlikely]] {
    own->looks_who_lives();
  }
  const auto pid =
      static_cast<pid_t>(static_cast<uint64_t>(holder) >> kTickBits);
  const std::optional<Stat> stat = read_stat(pid);
  // A /proc mounted with hidepid shows nothing of other users' processes. They
  // may be alive then: kill(2) with signal 0 only looks.
  if (!stat) return ::kill(pid, 0) == 0 || errno == EPERM;
  if (make_holder(pid, *stat) != holder) return false;
  // A zombie with threads is a process whose first thread has ended.
  const bool ended = stat->state == 'Z' || stat->state == 'X';
  return !ended || stat->thread_count > 1;
}

}  // namespace ipc
