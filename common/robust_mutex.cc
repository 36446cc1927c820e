#include "common/robust_mutex.h"

#include <errno.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/futex.h"
#include "common/point.h"
#include "common/report.h"

namespace ipc {

RobustMutex::RobustMutex(Kind kind) : mutex_(), kind_(kind) {
  // ERRORCHECK: to lock twice or to unlock what another holds is an error and
  // not a deadlock.
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

// The caller has called one of pthread_mutex_lock's family with the result
// `error`, and not in vain.
void RobustMutex::own(int error) {
  if (error == EOWNERDEAD) [[unlikely]] {
    // In this order: if we are killed between the two lines, the mutex is
    // still inconsistent, and the next owner comes here as well.
    suspect_ = true;
    inner_point("mutex: told of a death");
    check_zero(::pthread_mutex_consistent(&mutex_), "pthread_mutex_consistent");
    depth_ = 0;
    error = 0;
  }
  IPC_CHECK(error != EDEADLK && "locked again by its owner");
  check_zero(error, "pthread_mutex_lock");
  ++depth_;
}

bool RobustMutex::try_own() {
  const int error = ::pthread_mutex_trylock(&mutex_);
  if (error == EBUSY) return false;
  own(error);
  return true;
}

bool RobustMutex::own_until(Deadline deadline) {
  if (Gate* const own = gate()) [[unlikely]] {
    while (own->sleep_on(&mutex_, deadline.ns(), true)) {
      if (try_own()) return true;
      if (deadline.expired()) return false;
    }
  }
  int error = ETIMEDOUT;
  while (error == ETIMEDOUT) {
    // Never to the deadline in one go: the wake-up of an unlock is lost if the
    // waiter that it went to is killed before it acts, and somebody else, who
    // does not know of the other waiters, has taken the mutex meanwhile.
    const timespec until =
        deadline.sooner(Deadline::after(kRecheckSeconds)).to_timespec();
    error = ::pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until);
    if (error == ETIMEDOUT && deadline.expired()) return false;
  }
  own(error);
  return true;
}

Acquired RobustMutex::lock() {
  inner_point("mutex: before lock");
  if (!try_lock()) (void)wait_until(Deadline::never());
  return suspect_ ? Acquired::owner_died : Acquired::clean;
}

bool RobustMutex::try_lock() {
  if (!try_own()) return false;
  tell(EventKind::acquire);
  return true;
}

bool RobustMutex::lock_until(Deadline deadline) {
  inner_point("mutex: before lock");
  return try_lock() || wait_until(deadline);
}

bool RobustMutex::wait_until(Deadline deadline) {
  tell(EventKind::wait);
  const bool owns = own_until(deadline);
  tell(EventKind::wake);
  if (owns) tell(EventKind::acquire);
  return owns;
}

bool RobustMutex::lock_untold() {
  inner_point("mutex: before lock");
  if (try_own() || own_until(Deadline::after(kRecheckSeconds))) return false;
  tell(EventKind::wait);
  (void)own_until(Deadline::never());
  tell(EventKind::wake);
  return true;
}

void RobustMutex::unlock() {
  tell(EventKind::release);
  unlock_untold();
}

void RobustMutex::unlock_untold() {
  inner_point("mutex: before unlock");
  --depth_;
  const int error = ::pthread_mutex_unlock(&mutex_);
  IPC_CHECK(error != EPERM && "unlocked by somebody who does not hold it");
  check_zero(error, "pthread_mutex_unlock");
  if (Gate* const own = gate()) [[unlikely]] {
    (void)own->wake(&mutex_, 1);
  }
}

void RobustMutex::tell(EventKind event) const {
  if (!events_wanted || kind_ == Kind::internal) return;
  object_event(event, kind_ == Kind::recursive ? "RLock" : "Lock", this);
}

bool Guard::owner_died() const {
  IPC_CHECK(holds_);
  return mutex_.owner_died();
}

void Guard::repaired() {
  IPC_CHECK(holds_);
  mutex_.repaired();
}

uint32_t Guard::depth() const {
  IPC_CHECK(holds_);
  return mutex_.depth();
}

void Guard::unlock() {
  IPC_CHECK(holds_);
  holds_ = false;
  mutex_.unlock();
}

void Guard::lock() {
  IPC_CHECK(!holds_);
  (void)mutex_.lock();
  holds_ = true;
}

void Guard::unlock_untold() {
  IPC_CHECK(holds_);
  holds_ = false;
  mutex_.unlock_untold();
}

bool Guard::lock_untold() {
  IPC_CHECK(!holds_);
  const bool waited = mutex_.lock_untold();
  holds_ = true;
  return waited;
}

void Guard::tell(EventKind event) const { mutex_.tell(event); }

}  // namespace ipc
