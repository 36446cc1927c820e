#include "common/manager/managed_sync.h"

#include <utility>

#include "common/base/hooks.h"

namespace ipc::managed {

Lockable::Lockable(Proxy proxy, std::string_view type)
    : Proxy(std::move(proxy)) {
  require_type(type);
}

Acquired Lockable::lock() const {
  Acquired acquired = Acquired::clean;
  (void)lock_until(Deadline::never(), &acquired);
  return acquired;
}

bool Lockable::lock_until(Deadline deadline, Acquired* acquired) const {
  const std::optional<Json> suspect = Proxy::wait_until(deadline, "lock");
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

void Lockable::repaired() const { (void)call("repaired"); }
int64_t Lockable::depth() const { return call("depth").as_int(); }

Guard::~Guard() {
  try {
    lock_.unlock();
  } catch (const ManagerError&) {
    // The server has gone, or has taken the lock back.
  }
}

void Guard::repaired() {
  lock_.repaired();
  acquired_ = Acquired::clean;
}

void Condition::wait_for_notify(Deadline deadline) const {
  event(EventKind::release, event_name());
  event(EventKind::wait, event_name());
  (void)call_until(deadline, "wait");
  event(EventKind::wake, event_name());
  event(EventKind::acquire, event_name());
}

void Condition::notify_one() const { (void)call("notify_one"); }
void Condition::notify_all() const { (void)call("notify_all"); }

Semaphore::Semaphore(Proxy proxy, std::string_view type)
    : Proxy(std::move(proxy)) {
  require_type(type);
}

bool Semaphore::acquire_until(Deadline deadline) const {
  if (!Proxy::wait_until(deadline, "acquire")) return false;
  event(EventKind::acquire, event_name());
  return true;
}

void Semaphore::release() const {
  event(EventKind::release, event_name());
  (void)call("release");
}

int64_t Semaphore::value() const { return call("value").as_int(); }

Event::Event(Proxy proxy) : Proxy(std::move(proxy)) { require_type("Event"); }

void Event::set() const { (void)call("set"); }
void Event::clear() const { (void)call("clear"); }
bool Event::is_set() const { return call("is_set").as_bool(); }

bool Event::wait_until(Deadline deadline) const {
  return Proxy::wait_until(deadline, "wait").has_value();
}

}  // namespace ipc::managed
