// A Lock that its owner may lock again; after Python's multiprocessing.RLock.
// What is said about Lock holds, pid namespaces included, and:
//
// Requires: one unlock() for each lock().
// Death:    the depth of the dead owner is gone with it: the next owner's is 1.
//           The notice comes with the first lock() and with those inside it.
// See:      pthread_mutexattr_settype(3), PTHREAD_MUTEX_RECURSIVE; lock.h
#pragma once

#include "common/sync/robust_mutex.h"

namespace ipc {

class RLock : public RobustMutex {
 public:
  RLock() : RobustMutex(Kind::recursive) {}
};

static_assert(std::is_standard_layout_v<RLock>,
              "all processes must agree where its bytes are");

}  // namespace ipc
