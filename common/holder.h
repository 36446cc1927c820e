// Who holds something: a process, told apart from all that ever had its number.
//
// A process number alone is not enough: when its process has died it is given
// to a stranger, who would then seem to hold what the dead one held. The time
// at which a process was started makes the difference, and both together fit
// one 64-bit word, which can be changed by one compare-and-exchange.
//
// Layout:   process number, 22 bits (the kernel's PID_MAX_LIMIT) | time of
//           start in clock ticks since boot, 42 bits (1,394 years at 100 Hz).
// Requires: the /proc of the processes' own pid namespace; see proc(5).
// Fork:     the child is another holder than its parent; its threads are not.
#pragma once

#include <stdint.h>

#include <atomic>

namespace ipc {

enum class Holder : uint64_t { nobody = 0 };

static_assert(std::atomic<Holder>::is_always_lock_free,
              "an atomic with a lock has it in one process only");

// The calling process. Errors: std::system_error if there is no /proc.
Holder holder_self();

// Whether this process lives: not one that has gone, is a zombie, or has
// another's number. It reads a file, some 10 us. Errors: std::system_error if
// that cannot be told (no free descriptor, for example).
bool holder_alive(Holder holder);

}  // namespace ipc
