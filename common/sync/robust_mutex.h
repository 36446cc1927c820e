// What Lock and RLock are made of: a mutex that outlives its owner's death.
//
// If the owner dies, the kernel gives the mutex to the next process with the
// notice EOWNERDEAD; see pthread_mutexattr_setrobust(3). POSIX gives that
// notice once. A mutex that is then unlocked without
// pthread_mutex_consistent(3) is lost forever (ENOTRECOVERABLE). Here the
// notice is a flag beside the mutex:
//
//   owner dies -> next owner: suspect = true, mutex consistent -> unlock
//                 every later owner gets the notice, until one calls repaired()
//
// So the notice survives an owner that dies while it repairs, and one that
// ignores the notice.
//
// The C library identifies an owner by the number of its thread. In another pid
// namespace a different thread may have that number: a waiter could be taken
// for the owner, or the owner for a thread that does not exist. So a process of
// another pid namespace than the first that used the mutex is refused:
// std::system_error, ENOTSUP. A kernel that keeps no robust list (qemu-user) is
// refused in the same way, since the mutex would be robust in name only.
//
// Speed: the path of a mutex that no other process wants is inline, and costs
//        next to nothing beside pthread's own 15 ns. A process that finds the
//        mutex taken tries again for a few microseconds before it sleeps: a
//        mutex is mostly held for less time than it takes to fall asleep and be
//        woken. See docs/benchmarks.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include <type_traits>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/process/process_identity.h"

namespace ipc {

// The state of the data that a lock protects, when the lock has been acquired.
enum class [[nodiscard]] Acquired{
    clean,
    owner_died,  // An owner died, and the data are not repaired yet.
};

class RobustMutex {
 public:
  enum class Kind : uint8_t {
    plain,      // Acquired once: Lock.
    recursive,  // Acquired again by its owner: RLock.
    internal,   // Plain, but not in the event log: inside other objects.
  };

  explicit RobustMutex(Kind kind);
  RobustMutex(const RobustMutex&) = delete;
  RobustMutex& operator=(const RobustMutex&) = delete;
  RobustMutex(RobustMutex&&) = delete;
  RobustMutex& operator=(RobustMutex&&) = delete;
  // Other processes may still use the mutex, and glibc has nothing to free.
  ~RobustMutex() = default;

  Acquired lock() {
    (void)lock_until(Deadline::never());
    return suspect_ ? Acquired::owner_died : Acquired::clean;
  }
  [[nodiscard]] bool try_lock() {
    if (!try_own()) return false;
    tell(EventKind::acquire);
    return true;
  }
  [[nodiscard]] bool lock_until(Deadline deadline) {
    inner_point("mutex: before lock");
    return try_lock() || wait_until(deadline);
  }
  void unlock() {
    tell(EventKind::release);
    unlock_untold();
  }

  // For the owner: whether an earlier owner died and no owner has called
  // repaired() since.
  [[nodiscard]] bool owner_died() const { return suspect_; }

  // For the owner: the data are in order again, later owners need no notice.
  void repaired() { suspect_ = false; }

  // For the owner: how many more times it must call unlock().
  [[nodiscard]] uint32_t depth() const { return depth_; }

  // For Condition, whose waiters look again many times: lock() and unlock()
  // without an event in the log. A wait that is longer than kRecheckSeconds is
  // logged nevertheless; lock_untold() returns whether there was one.
  bool lock_untold();
  void unlock_untold() {
    inner_point("mutex: before unlock");
    --depth_;
    const int error = ::pthread_mutex_unlock(&mutex_);
    if (error != 0 || process_gate != nullptr) [[unlikely]] {
      end_unlock(error);
    }
  }
  void tell(EventKind event) const {
    if (event_hook != nullptr) [[unlikely]] {
      tell_wanted(event);
    }
  }

 private:
  bool try_own() {
    home_.enter_threads();
    const int error = ::pthread_mutex_trylock(&mutex_);
    if (error == EBUSY) return false;
    own(error);
    return true;
  }
  // To be called with what a function of the pthread_mutex_lock family
  // returned, unless that was EBUSY or ETIMEDOUT. The caller owns the mutex, or
  // it throws.
  void own(int error) {
    if (error != 0) [[unlikely]] {
      own_after(error);
    }
    ++depth_;
  }
  void own_after(int error);
  bool own_soon();
  bool own_until(Deadline deadline);
  bool wait_until(Deadline deadline);
  void end_unlock(int error);
  void tell_wanted(EventKind event) const;

  pthread_mutex_t mutex_;
  Home home_;
  uint32_t depth_ = 0;  // Guarded by the mutex, as is suspect_.
  Kind kind_;
  bool suspect_ = false;
};

static_assert(sizeof(RobustMutex) == sizeof(pthread_mutex_t) + 16,
              "on x86-64 this leaves 8 bytes beside it in a cache line");
static_assert(std::is_standard_layout_v<RobustMutex> &&
                  std::is_trivially_destructible_v<RobustMutex>,
              "processes other than its creator use it");

// Holds a Lock or RLock while it lives, as std::scoped_lock does, and also
// shows whether an earlier owner died.
//
//   ipc::Guard guard(lock);
//   if (guard.owner_died()) {
//     repair();
//     guard.repaired();
//   }
class [[nodiscard]] Guard {
 public:
  explicit Guard(RobustMutex& mutex) : mutex_(mutex) { lock(); }

  // Gives up at the deadline; operator bool says whether it holds the lock.
  Guard(RobustMutex& mutex, Deadline deadline)
      : mutex_(mutex), holds_(mutex.lock_until(deadline)) {}

  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  Guard(Guard&&) = delete;
  Guard& operator=(Guard&&) = delete;
  ~Guard() {
    if (holds_) mutex_.unlock();
  }

  explicit operator bool() const { return holds_; }

  // See RobustMutex; these require that the guard holds the lock.
  [[nodiscard]] bool owner_died() const {
    IPC_CHECK(holds_);
    return mutex_.owner_died();
  }
  void repaired() {
    IPC_CHECK(holds_);
    mutex_.repaired();
  }
  [[nodiscard]] uint32_t depth() const {
    IPC_CHECK(holds_);
    return mutex_.depth();
  }

  // Releases the lock before the guard's end, and acquires it again.
  void unlock() {
    IPC_CHECK(holds_);
    holds_ = false;
    mutex_.unlock();
  }
  void lock() {
    IPC_CHECK(!holds_);
    (void)mutex_.lock();
    holds_ = true;
  }

  // The same for Condition; see RobustMutex.
  void unlock_untold() {
    IPC_CHECK(holds_);
    holds_ = false;
    mutex_.unlock_untold();
  }
  bool lock_untold() {
    IPC_CHECK(!holds_);
    const bool waited = mutex_.lock_untold();
    holds_ = true;
    return waited;
  }
  void tell(EventKind event) const { mutex_.tell(event); }

 private:
  RobustMutex& mutex_;
  bool holds_ = false;
};

}  // namespace ipc
