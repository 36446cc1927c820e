// Mutual exclusion between processes. Modelled on Python's
// multiprocessing.Lock; made of a pthread mutex that is process-shared, robust
// and error-checking.
//
//   ipc::Shared<ipc::Lock> lock;   // before the fork
//   ipc::Guard guard(*lock);       // in each process
//   if (guard.owner_died()) { ...; guard.repaired(); }
//
// Lifetime: constructed once, in memory that the processes share. A process
//           that holds the lock must unlock it before it unmaps that memory.
// Requires: unlock() by the thread that locked, and no second lock() by it
//           (RLock allows that); IPC_CHECK otherwise. Processes of one pid
//           namespace, as in one container.
// Errors:   std::system_error, ENOTSUP, in a process of another pid namespace
//           than the first that locked, and where the kernel has no robust
//           mutexes.
// Blocks:   lock() until the owner unlocks or dies; lock_until() at most until
//           its deadline; try_lock() never. Not fair: a process that tries just
//           when the lock is free gets it before those that wait.
// Ordering: what was done before unlock() is visible after the next lock().
// Fork:     the child of an owner does not own the lock.
// Death:    if the owner dies, at any instruction, the next process gets the
//           lock, and lock() returns `owner_died`: the data may be half
//           changed. Every later lock() returns it too, until an owner has
//           called repaired(). A repair may itself be interrupted by death, so
//           it must be possible to begin it again. A waiter's death delays the
//           others by at most kRecheckSeconds. std::scoped_lock does not show
//           the notice, but the next Guard still does.
// See:      robust_mutex.h; pthread_mutexattr_setrobust(3)
#pragma once

#include "common/sync/robust_mutex.h"

namespace ipc {

class Lock : public RobustMutex {
 public:
  Lock() : RobustMutex(Kind::plain) {}
};

static_assert(std::is_standard_layout_v<Lock>,
              "all processes must agree where its bytes are");

}  // namespace ipc
