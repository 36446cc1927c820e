#include "common/process/process_identity.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <new>
#include <optional>
#include <sstream>
#include <string>

#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/unique_fd.h"
#include "common/process/process_stat.h"

namespace ipc {
namespace {

constexpr int kTickBits = 42;

Holder make_holder(pid_t pid, const ProcessStat& stat) {
  return static_cast<Holder>(static_cast<uint64_t>(pid) << kTickBits |
                             stat.start_ticks);
}

// Stands for a namespace that is not known; no namespace has this number.
constexpr uint64_t kUnknown = 1;

Self* make_self() {
  void* const page = ::mmap(nullptr, sizeof(Self), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw_error(errno, "mmap");
  auto* const self = new (page) Self;
  if (::madvise(page, sizeof(Self), MADV_WIPEONFORK) == -1) {
    // On an emulated kernel, for example. This misses a direct call of
    // clone(2).
    check_zero(::pthread_atfork(nullptr, nullptr,
                                [] { new (known_self.load()) Self; }),
               "pthread_atfork");
  }
  known_self = self;
  return self;
}

Self& own_self() {
  static Self* const self = make_self();
  return *self;
}

// The number of a namespace of this process; nothing if it cannot be found out.
std::optional<uint64_t> namespace_of_self(const char* path, unsigned long ask) {
  struct stat status {};
  if (::stat(path, &status) == 0) return status.st_ino;
  // Without a /proc. A pidfd knows its namespaces since Linux 6.11.
  const UniqueFd pidfd(
      static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0U)));
  const UniqueFd file(pidfd ? ::ioctl(pidfd.get(), ask, 0) : -1);
  if (!file || ::fstat(file.get(), &status) == -1) return std::nullopt;
  return status.st_ino;
}

// Whether /proc shows the processes of our own pid namespace: only there does
// this process have exactly one number.
bool has_own_proc() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    std::istringstream numbers(line.substr(line.find(':') + 1));
    pid_t first = 0;
    pid_t second = 0;
    numbers >> first;
    return !(numbers >> second) && first == ::getpid();
  }
  return true;  // Before Linux 4.1 there is no way to know.
}

// The kernel goes through this list when a thread dies. The C library registers
// it, and reports nothing if it cannot.
void require_robust_list() {
  void* head = nullptr;
  size_t length = 0;
  const long result = ::syscall(SYS_get_robust_list, 0, &head, &length);
  if ((result == 0 && head == nullptr) || (result == -1 && errno == ENOSYS)) {
    throw_error(ENOTSUP, "robust mutex: the kernel has no list of them");
  }
}

}  // namespace

Holder holder_self() {
  Holder known = own_self().holder.load();
  if (known != Holder::nobody) return known;
  const std::optional<ProcessStat> stat = read_stat(::getpid());
  if (!stat) throw_error(ENOENT, "no /proc of this process");
  if (!has_own_proc()) throw_error(ENOTSUP, "/proc of another pid namespace");
  known = make_holder(::getpid(), *stat);
  own_self().holder.store(known);
  return known;
}

uint64_t Home::threads_of_self() {
  uint64_t known = own_self().threads.load();
  if (known != 0) return known;
  require_robust_list();
  constexpr unsigned long kAskPid = _IO(0xFF, 5);  // PIDFD_GET_PID_NAMESPACE
  known = namespace_of_self("/proc/self/ns/pid", kAskPid).value_or(kUnknown);
  own_self().threads.store(known);
  return known;
}

uint64_t Home::holders_of_self() {
  uint64_t known = own_self().holders.load();
  if (known != 0) return known;
  (void)holder_self();  // It throws where holders have no meaning.
  constexpr unsigned long kAskTime = _IO(0xFF, 7);  // PIDFD_GET_TIME_NAMESPACE
  const auto pids = namespace_of_self("/proc/self/ns/pid", 0);
  const auto times = namespace_of_self("/proc/self/ns/time", kAskTime);
  // Both have 32 bits. Before Linux 5.6 there are no time namespaces.
  known = pids.value_or(kUnknown) ^ (times.value_or(0) << 32U);
  own_self().holders.store(known);
  return known;
}

void Home::enter_slowly(uint64_t (*own_number)()) {
  // In the explorer all processes are in one namespace, and each word that they
  // change would make the steps of one depend on those of the other.
  if (process_gate != nullptr) return;
  const uint64_t own = own_number() + 1;
  uint64_t home = home_.load(std::memory_order_relaxed);
  constexpr uint64_t kAnywhere = kUnknown + 1;
  while (home != own) {
    if (home != 0 && home != kAnywhere) {
      if (own == kAnywhere) return;
      throw_error(ENOTSUP, "shared with a process of another pid namespace");
    }
    if (home_.compare_exchange_weak(home, own, std::memory_order_relaxed)) {
      return;
    }
  }
}

bool holder_alive(Holder holder) {
  if (Gate* const own = gate()) [[unlikely]] {
    own->looks_who_lives();
  }
  const auto pid =
      static_cast<pid_t>(static_cast<uint64_t>(holder) >> kTickBits);
  const std::optional<ProcessStat> stat = read_stat(pid);
  // A /proc mounted with hidepid shows nothing of other users' processes. They
  // may be alive then: kill(2) with signal 0 only looks.
  if (!stat) return ::kill(pid, 0) == 0 || errno == EPERM;
  if (make_holder(pid, *stat) != holder) return false;
  // A zombie with threads is a process whose first thread has ended.
  return !stat->has_ended() || stat->thread_count > 1;
}

}  // namespace ipc
