#include "common/sync/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/errors.h"
#include "common/base/hooks.h"

namespace ipc {
namespace {

// In whole numbers, since it is used before each sleep.
constexpr int64_t kRecheckNs = to_ns(kRecheckSeconds);

}  // namespace

void futex_wait(const std::atomic<uint32_t>& word, uint32_t expected,
                Deadline deadline) {
  if (Gate* const own = gate()) [[unlikely]] {
    if (word.load() != expected) return;
    if (own->sleep_on(&word, deadline.ns(), false)) return;
  }
  const timespec until =
      deadline.sooner(Deadline::at_ns(now_ns() + kRecheckNs)).to_timespec();
  // The call ignores its second address. A reader of /proc/PID/syscall, such as
  // the harness, finds here how long we really wait.
  const timespec last = deadline.to_timespec();
  // FUTEX_WAIT_BITSET because its time is absolute, and CLOCK_MONOTONIC. Not
  // FUTEX_PRIVATE_FLAG: with it, waker and sleeper must be one process.
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected,
                                &until, &last, FUTEX_BITSET_MATCH_ANY);
  if (result == 0) return;
  if (errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT) return;
  throw_error(errno, "futex FUTEX_WAIT_BITSET");
}

int futex_wake(const std::atomic<uint32_t>& word, int count) {
  int woken = 0;
  if (Gate* const own = gate()) [[unlikely]] {
    woken = own->wake(&word, count);
    // If the processes have a time of their own, all sleep at their gates.
    if (woken == count || own->now_ns() != 0) return woken;
  }
  return woken + static_cast<int>(check(
                     ::syscall(SYS_futex, &word, FUTEX_WAKE, count - woken),
                     "futex FUTEX_WAKE"));
}

int futex_wake_all(const std::atomic<uint32_t>& word) {
  return futex_wake(word, INT_MAX);
}

}  // namespace ipc
