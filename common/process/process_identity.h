// The process that holds something, told apart from all others that ever had
// its number.
//
// A process number alone is not enough: when the process has died the kernel
// gives the number to a stranger, which would then seem to hold what the dead
// process held. The time at which a process was started tells the two apart.
// Number and time together fit one 64-bit word, which one compare-and-exchange
// can change.
//
// Layout:   process number, 22 bits (the kernel's PID_MAX_LIMIT) | time of
//           start in clock ticks since boot, 42 bits (1,394 years at 100 Hz).
// Requires: the /proc of the processes' own pid namespace; see proc(5).
// Fork:     a child is a different holder from its parent; all threads of a
//           process are the same holder.
//
// A Holder has a meaning in one pid namespace only. Process 5 of one container
// is not process 5 of the next, and memory that both have mapped does not show
// the difference; a Home does. See pid_namespaces(7).
#pragma once

#include <stdint.h>

#include <atomic>

namespace ipc {

enum class Holder : uint64_t { nobody = 0 };

static_assert(std::atomic<Holder>::is_always_lock_free,
              "an atomic with a lock has it in one process only");

// The calling process. Errors: std::system_error if there is no /proc (ENOENT),
// or if it is that of another pid namespace (ENOTSUP).
Holder holder_self();

// Whether this process is alive: false if it has gone or is a zombie, or if
// another process has its number. Reads a file, which takes some 10 us. Errors:
// std::system_error if it cannot know (no free descriptor, for example).
bool holder_alive(Holder holder);

// What a process has found out about itself. In a child all of it begins as
// zeros, however the child was made: madvise(2), MADV_WIPEONFORK.
struct Self {
  std::atomic<Holder> holder{Holder::nobody};
  std::atomic<uint64_t> threads{0};  // The pid namespace,
  std::atomic<uint64_t> holders{0};  // and that with the time namespace.
};

inline constinit Self nothing_known{};
inline constinit std::atomic<Self*> known_self = &nothing_known;

// The namespaces in which an object in shared memory identifies processes:
// those of the first process that uses the object. In other namespaces the same
// numbers belong to other processes, so a process from there is refused.
//
// Errors: std::system_error, ENOTSUP. For a mutex (enter_threads()) also where
//         the kernel keeps no list of the robust mutexes that a thread holds,
//         so that the death of the thread would release none of them.
// Speed:  two loads and a comparison, after the first time in a process.
// Layout: one word; 0 until a process has used it. Without a /proc, and before
//         Linux 6.11, a process does not know its namespaces: then none is
//         refused.
class Home {
 public:
  // For an object that identifies threads by their numbers, as a mutex does.
  void enter_threads() {
    if (home_.load(std::memory_order_relaxed) !=
        self().threads.load(std::memory_order_relaxed) + 1) [[unlikely]] {
      enter_slowly(threads_of_self);
    }
  }
  // For an object that stores holders: their time of start depends on the time
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

  // Relaxed everywhere: this word publishes no other data.
  std::atomic<uint64_t> home_{0};
};

}  // namespace ipc
