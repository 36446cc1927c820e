// Is right, but for faults, which it says cannot be played here.
//
// The test puts this before the solution of an exercise.

#include "attack.h"

namespace {

const bool kSkipped = [] {
  if (getenv("IPC_LABS_FAULT") == nullptr) return false;
  puts("Main: SKIP there are no faults here");
  fflush(stdout);
  _exit(77);
}();

}  // namespace
