// The proxies of objects that processes wait for; a part of managed.h. They are
// used like their namesakes in shared memory, and work between machines too.
//
//   ipc::managed::Guard guard(lock);
//   if (guard.owner_died()) { ...; guard.repaired(); }
//
// Blocks:   a call without a deadline until it succeeds. It waits in the
//           server, which continues to serve others. The caller that has waited
//           longest is served first.
// Ordering: the server does one call after the other, so all processes agree on
//           their order, even for calls of different objects.
// Death:    see managed.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/manager/proxy.h"
#include "common/sync/robust_mutex.h"

namespace ipc::managed {

// What Lock, RLock and Condition have in common.
class Lockable : public Proxy {
 public:
  // Says whether an owner has died and no later owner has called repaired().
  Acquired lock() const;
  // False if it is taken. `acquired`, if given, gets the result of lock().
  [[nodiscard]] bool try_lock(Acquired* acquired = nullptr) const {
    return lock_until(Deadline::at_ns(0), acquired);
  }
  [[nodiscard]] bool lock_until(Deadline deadline,
                                Acquired* acquired = nullptr) const;
  // BadCall if the caller does not hold it.
  void unlock() const;

  // For the owner: the data is in order, so later owners need no warning.
  void repaired() const { (void)call("repaired"); }
  // For the owner: how many calls of unlock() it still has to make.
  [[nodiscard]] int64_t depth() const { return call("depth").as_int(); }

 protected:
  Lockable(Proxy proxy, std::string_view type)
      : Proxy(std::move(proxy), type) {}
};

// Locking it again by its owner is a BadCall.
class Lock : public Lockable {
 public:
  explicit Lock(Proxy proxy) : Lockable(std::move(proxy), "Lock") {}
};

class RLock : public Lockable {
 public:
  explicit RLock(Proxy proxy) : Lockable(std::move(proxy), "RLock") {}
};

// Holds the lock for the duration of a scope.
class Guard {
 public:
  explicit Guard(const Lockable& lock) : lock_(lock), acquired_(lock.lock()) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  Guard(Guard&&) = delete;
  Guard& operator=(Guard&&) = delete;
  // Never throws: if the server has gone, so has the lock.
  ~Guard();

  [[nodiscard]] bool owner_died() const {
    return acquired_ == Acquired::owner_died;
  }
  void repaired() {
    lock_.repaired();
    acquired_ = Acquired::clean;
  }

 private:
  const Lockable lock_;
  Acquired acquired_;
};

// Lets processes wait under a lock, its own or one that is given. Locking and
// unlocking the condition locks and unlocks that lock.
//
// Requires: a caller that waits holds the lock, exactly once.
// Death:    a notify that was meant for a waiter that died goes to another.
//           When the owner of the lock dies, all waiters test their predicates
//           again.
class Condition : public Lockable {
 public:
  explicit Condition(Proxy proxy) : Lockable(std::move(proxy), "Condition") {}

  // Waits until the predicate, which may call other proxies, is true.
  template <typename Predicate>
  void wait(Predicate predicate) const {
    (void)wait_until(Deadline::never(), predicate);
  }
  // Returns what the predicate said last; the caller holds the lock again.
  template <typename Predicate>
  [[nodiscard]] bool wait_until(Deadline deadline, Predicate predicate) const {
    bool satisfied = predicate();
    while (!satisfied && !deadline.expired()) {
      wait_for_notify(deadline);
      satisfied = predicate();
    }
    return satisfied;
  }

  // The caller need not be the owner of the lock.
  void notify_one() const { (void)call("notify_one"); }
  void notify_all() const { (void)call("notify_all"); }

 private:
  void wait_for_notify(Deadline deadline) const;
};

// Permits without an owner: any process may release one, and a permit that a
// dead client had acquired is lost.
class Semaphore : public Proxy {
 public:
  explicit Semaphore(Proxy proxy) : Proxy(std::move(proxy), "Semaphore") {}

  void acquire() const { (void)acquire_until(Deadline::never()); }
  [[nodiscard]] bool try_acquire() const {
    return acquire_until(Deadline::at_ns(0));
  }
  [[nodiscard]] bool acquire_until(Deadline deadline) const;
  void release() const;
  [[nodiscard]] int64_t value() const { return call("value").as_int(); }

 protected:
  Semaphore(Proxy proxy, std::string_view type)
      : Proxy(std::move(proxy), type) {}
};

// Permits that only their holder can release; for others it is a BadCall. Those
// of a client that dies become free.
class BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(Proxy proxy)
      : Semaphore(std::move(proxy), "BoundedSemaphore") {}
};

class Event : public Proxy {
 public:
  explicit Event(Proxy proxy) : Proxy(std::move(proxy), "Event") {}

  void set() const { (void)call("set"); }
  void clear() const { (void)call("clear"); }
  [[nodiscard]] bool is_set() const { return call("is_set").as_bool(); }
  void wait() const { (void)wait_until(Deadline::never()); }
  // False if it was not set by the deadline.
  [[nodiscard]] bool wait_until(Deadline deadline) const {
    return Proxy::wait_until(deadline, "wait").has_value();
  }
};

}  // namespace ipc::managed
