#include "common/robust_mutex.h"

#include <errno.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/futex.h"
#include "common/report.h"

namespace ipc {
namespace {

void log(EventKind event, RobustMutex::Kind kind, const RobustMutex* mutex) {
  if (!events_wanted || kind == RobustMutex::Kind::internal) return;
  const bool recursive = kind == RobustMutex::Kind::recursive;
  object_event(event, recursive ? "RLock" : "Lock", mutex);
}

}  // namespace

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
    check_zero(::pthread_mutex_consistent(&mutex_), "pthread_mutex_consistent");
    depth_ = 0;
    error = 0;
  }
  IPC_CHECK(error != EDEADLK && "locked again by its owner");
  check_zero(error, "pthread_mutex_lock");
  ++depth_;
  log(EventKind::acquire, kind_, this);
}

Acquired RobustMutex::lock() {
  if (!try_lock()) (void)wait_until(Deadline::never());
  return suspect_ ? Acquired::owner_died : Acquired::clean;
}

bool RobustMutex::try_lock() {
  const int error = ::pthread_mutex_trylock(&mutex_);
  if (error == EBUSY) return false;
  own(error);
  return true;
}

bool RobustMutex::lock_until(Deadline deadline) {
  return try_lock() || wait_until(deadline);
}

bool RobustMutex::wait_until(Deadline deadline) {
  log(EventKind::wait, kind_, this);
  int error = ETIMEDOUT;
  while (error == ETIMEDOUT) {
    // Never to the deadline in one go: the wake-up of an unlock is lost if the
    // waiter that it went to is killed before it acts, and somebody else, who
    // does not know of the other waiters, has taken the mutex meanwhile.
    const timespec until =
        deadline.sooner(Deadline::after(kRecheckSeconds)).to_timespec();
    error = ::pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until);
    if (error == ETIMEDOUT && deadline.expired()) break;
  }
  log(EventKind::wake, kind_, this);
  if (error == ETIMEDOUT) return false;
  own(error);
  return true;
}

void RobustMutex::unlock() {
  log(EventKind::release, kind_, this);
  --depth_;
  const int error = ::pthread_mutex_unlock(&mutex_);
  IPC_CHECK(error != EPERM && "unlocked by somebody who does not hold it");
  check_zero(error, "pthread_mutex_unlock");
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

}  // namespace ipc
