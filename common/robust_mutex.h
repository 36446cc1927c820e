// What Lock and RLock are made of: a mutex that outlives its owner's death.
//
// If the owner dies, the kernel hands the mutex to the next one with the notice
// EOWNERDEAD; see pthread_mutexattr_setrobust(3). POSIX gives that notice once,
// and a mutex that is then unlocked without pthread_mutex_consistent(3) is lost
// for ever (ENOTRECOVERABLE). Here the notice is a flag beside the mutex:
//
//   owner dies -> next owner: suspect = true, mutex consistent -> unlock
//                 every later owner is told, until one says repaired()
//
// so neither a repairer that dies nor one that does not care can lose it.
#pragma once

#include <pthread.h>
#include <stdint.h>

#include <type_traits>

#include "common/clock.h"

namespace ipc {

enum class EventKind;  // See report.h.

// What the data that a lock protects are when it has been acquired.
enum class [[nodiscard]] Acquired{
    clean,
    owner_died,  // Somebody died while changing them, and nobody has repaired.
};

class RobustMutex {
 public:
  enum class Kind : uint32_t {
    plain,      // Acquired once: Lock.
    recursive,  // Acquired again by its owner: RLock.
    internal,   // Plain, and not in the event log: inside other objects.
  };

  explicit RobustMutex(Kind kind);
  RobustMutex(const RobustMutex&) = delete;
  RobustMutex& operator=(const RobustMutex&) = delete;
  RobustMutex(RobustMutex&&) = delete;
  RobustMutex& operator=(RobustMutex&&) = delete;
  // Other processes may still use it, and glibc has nothing to free.
  ~RobustMutex() = default;

  Acquired lock();
  [[nodiscard]] bool try_lock();
  [[nodiscard]] bool lock_until(Deadline deadline);
  void unlock();

  // For the owner: whether an earlier owner died and nobody has repaired.
  [[nodiscard]] bool owner_died() const { return suspect_; }

  // For the owner: the data are in order again, later owners need no notice.
  void repaired() { suspect_ = false; }

  // For the owner: how many unlock() it owes.
  [[nodiscard]] uint32_t depth() const { return depth_; }

  // For Condition, whose waiters look again many times: the same without an
  // event for the log. A wait that is longer than kRecheckSeconds is told
  // nevertheless; whether it was so is returned.
  bool lock_untold();
  void unlock_untold();
  void tell(EventKind event) const;

 private:
  void own(int error);
  bool try_own();
  bool own_until(Deadline deadline);
  bool wait_until(Deadline deadline);

  pthread_mutex_t mutex_;
  Kind kind_;
  uint32_t depth_ = 0;  // These two are guarded by the mutex.
  bool suspect_ = false;
};

static_assert(std::is_standard_layout_v<RobustMutex> &&
                  std::is_trivially_destructible_v<RobustMutex>,
              "it is used by other processes than the one that made it");

// Holds a Lock or RLock while it lives; std::scoped_lock with the notice.
//
//   ipc::Guard guard(lock);
//   if (guard.owner_died()) {
//     repair();
//     guard.repaired();
//   }
class [[nodiscard]] Guard {
 public:
  explicit Guard(RobustMutex& mutex) : mutex_(mutex) { lock(); }

  // Gives up at the deadline; whether it holds the lock says operator bool.
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

  // See RobustMutex; they need the lock.
  [[nodiscard]] bool owner_died() const;
  void repaired();
  [[nodiscard]] uint32_t depth() const;

  // Gives the lock up before the end, and takes it again.
  void unlock();
  void lock();

  // The same for Condition; see RobustMutex.
  void unlock_untold();
  bool lock_untold();
  void tell(EventKind event) const;

 private:
  RobustMutex& mutex_;
  bool holds_ = false;
};

}  // namespace ipc
