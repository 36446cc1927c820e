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
//
// All of this has a meaning in one pid namespace only. The process 5 of one
// container is another than the process 5 of the next, to whom memory that both
// have mapped does not say so; a Home does. See pid_namespaces(7).
#pragma once

#include <stdint.h>

#include <atomic>

namespace ipc {

enum class Holder : uint64_t { nobody = 0 };

static_assert(std::atomic<Holder>::is_always_lock_free,
              "an atomic with a lock has it in one process only");

// The calling process. Errors: std::system_error if there is no /proc, or if it
// is that of another pid namespace (ENOTSUP).
Holder holder_self();

// Whether this process lives: not one that has gone, is a zombie, or has
// another's number. It reads a file, some 10 us. Errors: std::system_error if
// that cannot be told (no free descriptor, for example).
bool holder_alive(Holder holder);

// What a process knows about itself. A child begins with zeros, however it was
// made: madvise(2), MADV_WIPEONFORK.
struct Self {
  std::atomic<Holder> holder{Holder::nobody};
  std::atomic<uint64_t> threads{0};  // The namespace of its threads' numbers,
  std::atomic<uint64_t> holders{0};  // and with that of its time of start.
};

inline constinit Self nothing_known{};
inline constinit std::atomic<Self*> known_self = &nothing_known;

// The namespaces in which an object in shared memory knows processes: those of
// the first that uses it. To any other process they would be strangers with the
// numbers of its own, so it is refused.
//
// Errors: std::system_error, ENOTSUP; also where the kernel keeps no list of
//         the robust mutexes that a thread holds, so that its death would
//         release none of them (for a mutex).
// Speed:  two loads and a comparison, after the first time in a process.
// Layout: one word; 0 until somebody has used it. Without a /proc, and before
//         Linux 6.11, no process can tell where it is: then none is refused.
class Home {
 public:
  // For an object that knows threads by their numbers, as a mutex does.
  void enter_threads() {
    if (home_.load(std::memory_order_relaxed) !=
        self().threads.load(std::memory_order_relaxed) + 1) [[unlikely]] {
      enter_slowly(threads_of_self);
    }
  }
  // For one that knows holders. Their time of start depends on the time
  // namespace as well.
  void enter_holders() {
    if (home_.load(std::memory_order_relaxed) !=
        self().holders.load(std::memory_order_relaxed) + 1) [[unlikely]] {
      enter_slowly(holders_of_self);
    }
  }

 private:
  static const Self& self() {
    // Acquire: the page that it points to is zeroed; free on x86-64.
    return *known_self.load(std::memory_order_acquire);
  }
  static uint64_t threads_of_self();
  static uint64_t holders_of_self();
  void enter_slowly(uint64_t (*own)());

  // Relaxed everywhere: it publishes nothing else.
  std::atomic<uint64_t> home_{0};
};

}  // namespace ipc
