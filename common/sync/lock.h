// Mutual exclusion between processes; after Python's multiprocessing.Lock, and
// a pthread mutex that is process-shared, robust and error-checking.
//
//   ipc::Shared<ipc::Lock> lock;   // before the fork
//   ipc::Guard guard(*lock);       // in each process
//   if (guard.owner_died()) { ...; guard.repaired(); }
//
// Lifetime: constructed once, in memory that the processes share; it must be
//           unlocked by whoever holds it before that memory is unmapped.
// Requires: unlock() by the thread that locked, and no second lock() by it
//           (RLock allows that); IPC_CHECK otherwise. Processes of one pid
//           namespace, as in one container.
// Errors:   std::system_error, ENOTSUP, to a process of another pid namespace
//           than the first that locked, and where the kernel has no robust
//           mutexes.
// Blocks:   lock() until the owner unlocks or dies; lock_until() at most to its
//           deadline; try_lock() never. Not fair: who comes first gets it.
// Ordering: what was done before unlock() is visible after the next lock().
// Fork:     the child of an owner does not own the lock.
// Death:    the owner's death, at whatever instruction, lets the next one in,
//           and lock() says `owner_died`: the data may be half changed. So does
//           every later lock() until an owner has called repaired(), so a
//           repair must be one that can be begun again. The death of a waiter
//           may delay the others by kRecheckSeconds, and no more. With
//           std::scoped_lock the notice goes unread, but it stands.
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
