#include "common/manager/managed_sync.h"

#include "common/base/hooks.h"

namespace ipc::managed {

Acquired Lockable::lock() const {
  Acquired acquired = Acquired::clean;
  (void)lock_until(Deadline::never(), &acquired);
  return acquired;
}

bool Lockable::lock_until(Deadline deadline, Acquired* acquired) const {
  const std::optional<Json> suspect = wait_until(deadline, "lock");
  if (!suspect) return false;
  event(EventKind::acquire, event_name());
  if (acquired != nullptr) {
    *acquired = suspect->as_bool() ? Acquired::owner_died : Acquired::clean;
  }
  return true;
}

void Lockable::unlock() const {
  event(EventKind::release, event_name());
  (void)call("unlock");
}

Guard::~Guard() {
  try {
    lock_.unlock();
  } catch (const ManagerError&) {
    // The server has gone, or has taken the lock back.
  }
}

void Condition::wait_for_notify(Deadline deadline) const {
  event(EventKind::release, event_name());
  event(EventKind::wait, event_name());
  (void)call_until(deadline, "wait");
  event(EventKind::wake, event_name());
  event(EventKind::acquire, event_name());
}

bool Semaphore::acquire_until(Deadline deadline) const {
  if (!wait_until(deadline, "acquire")) return false;
  event(EventKind::acquire, event_name());
  return true;
}

void Semaphore::release() const {
  event(EventKind::release, event_name());
  (void)call("release");
}

}  // namespace ipc::managed
