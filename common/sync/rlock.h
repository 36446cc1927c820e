// A Lock that its owner may lock again. Modelled on Python's
// multiprocessing.RLock. All that lock.h says about Lock is true here too, that
// about pid namespaces included, and in addition:
//
// Requires: one unlock() for each lock().
// Death:    the depth of the dead owner is gone with it: the next owner's
//           depth is 1. Its first lock() returns the notice, and so does each
//           lock() inside that one.
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
