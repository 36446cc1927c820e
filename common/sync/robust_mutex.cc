#include "common/sync/robust_mutex.h"

#include <errno.h>

#include "common/base/errors.h"
#include "common/base/pause_cpu.h"

#if defined(__SANITIZE_THREAD__)  // g++
#define IPC_TSAN 1
#elif defined(__has_feature)  // clang++
#if __has_feature(thread_sanitizer)
#define IPC_TSAN 1
#endif
#endif

#if defined(IPC_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace ipc {

RobustMutex::RobustMutex(Kind kind) : mutex_(), kind_(kind) {
  // ERRORCHECK: locking twice, or unlocking what another thread holds, is an
  // error rather than a deadlock.
  const int type = kind == Kind::recursive ? PTHREAD_MUTEX_RECURSIVE
                                           : PTHREAD_MUTEX_ERRORCHECK;
  pthread_mutexattr_t attributes;
  check_zero(::pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
  check_zero(::pthread_mutexattr_settype(&attributes, type),
             "pthread_mutexattr_settype");
  check_zero(
      ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
      "pthread_mutexattr_setpshared");
  check_zero(::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST),
             "pthread_mutexattr_setrobust");
  check_zero(::pthread_mutex_init(&mutex_, &attributes), "pthread_mutex_init");
  check_zero(::pthread_mutexattr_destroy(&attributes),
             "pthread_mutexattr_destroy");
}

// Slow, so kept apart from the fast path: an owner has died, or a caller has a
// bug.
void RobustMutex::own_after(int error) {
  if (error == EOWNERDEAD) {
    // In this order: if we are killed between the two lines, the mutex is
    // still inconsistent, and the next owner comes here as well.
    suspect_ = true;
    inner_point("mutex: told of a death");
    check_zero(::pthread_mutex_consistent(&mutex_), "pthread_mutex_consistent");
    depth_ = 0;
    return;
  }
  IPC_CHECK(error != EDEADLK && "locked again by its owner");
  throw_error(error, "pthread_mutex_lock");
}

// Returns whether the mutex came free within some microseconds. It cannot while
// processes are explored, because no other process runs meanwhile.
bool RobustMutex::own_soon() {
  constexpr int kPausesMost = 64;
  if (process_gate != nullptr) return false;
  // The pauses get longer: each try takes the cache line away from the owner.
  for (int pauses = 4; pauses <= kPausesMost; pauses *= 2) {
    for (int i = 0; i < pauses; ++i) pause_cpu();
    if (try_own()) return true;
  }
  return false;
}

namespace {

// The thread sanitizer does not know pthread_mutex_clocklock(3), and would see
// no order between an owner that has waited and the one before. So tell it.
int clocklock(pthread_mutex_t& mutex, const timespec& until) {
#if defined(IPC_TSAN)
  __tsan_mutex_pre_lock(&mutex, __tsan_mutex_try_lock);
#endif
  const int error = ::pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &until);
#if defined(IPC_TSAN)
  const bool owns = error == 0 || error == EOWNERDEAD;
  const unsigned failed = owns ? 0 : __tsan_mutex_try_lock_failed;
  __tsan_mutex_post_lock(&mutex, __tsan_mutex_try_lock | failed, 0);
#endif
  return error;
}

}  // namespace

bool RobustMutex::own_until(Deadline deadline) {
  if (Gate* const own = gate()) [[unlikely]] {
    while (own->sleep_on(&mutex_, deadline.ns(), true)) {
      if (try_own()) return true;
      if (deadline.expired()) return false;
    }
  }
  int error = ETIMEDOUT;
  while (error == ETIMEDOUT) {
    // Never wait for the deadline in one go: the wake-up of an unlock is lost
    // if its receiver is killed before it acts, and another thread, which does
    // not know of the other waiters, has taken the mutex meanwhile.
    const timespec until =
        deadline.sooner(Deadline::after(kRecheckSeconds)).to_timespec();
    error = clocklock(mutex_, until);
    if (error == ETIMEDOUT && deadline.expired()) return false;
  }
  own(error);
  return true;
}

bool RobustMutex::wait_until(Deadline deadline) {
  if (own_soon()) {
    tell(EventKind::acquire);
    return true;
  }
  tell(EventKind::wait);
  const bool owns = own_until(deadline);
  tell(EventKind::wake);
  if (owns) tell(EventKind::acquire);
  return owns;
}

bool RobustMutex::lock_untold() {
  inner_point("mutex: before lock");
  if (try_own() || own_soon() || own_until(Deadline::after(kRecheckSeconds))) {
    return false;
  }
  tell(EventKind::wait);
  (void)own_until(Deadline::never());
  tell(EventKind::wake);
  return true;
}

void RobustMutex::end_unlock(int error) {
  IPC_CHECK(error != EPERM && "unlocked by a thread that does not hold it");
  check_zero(error, "pthread_mutex_unlock");
  if (Gate* const own = gate()) {
    (void)own->wake(&mutex_, 1);
  }
}

void RobustMutex::tell_wanted(EventKind event) const {
  if (kind_ == Kind::internal) return;
  object_event(event, kind_ == Kind::recursive ? "RLock" : "Lock", this);
}

}  // namespace ipc
