// Sleeping until a 32-bit word in shared memory changes: futex(2).
//
//   while (word.load() == seen) ipc::futex_wait(word, seen, deadline);
//
// The kernel compares the word and puts the caller to sleep in one step, so a
// change between the caller's look at the word and the sleep is not missed.
// Only the kernel knows the sleepers: one that is killed leaves no trace in the
// shared memory, unlike a waiter of pthread_cond_t.
//
// Requires: the word in memory that all its users have mapped.
// Death:    a process that changes a word and is killed before futex_wake()
//           wakes no sleeper. A wake-up is also lost if its receiver is killed
//           before acting on it. Therefore a sleep never lasts longer than
//           kRecheckSeconds, and then the caller looks again.
// See:      futex(2), futex(7); Drepper 2011, "Futexes Are Tricky".
#pragma once

#include <stdint.h>

#include <atomic>

#include "common/base/clock.h"

namespace ipc {

static_assert(std::atomic<uint32_t>::is_always_lock_free &&
                  std::atomic<uint64_t>::is_always_lock_free,
              "the lock of an atomic that needs one works in one process only");
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t),
              "the kernel compares 32 bits");

// The first value of a word that only counts changes. It is shortly before the
// word wraps around, so that every test passes through the wrap, and not only a
// program that has run for months.
inline constexpr uint32_t kCountsFrom = uint32_t{0} - 4;

// Sleeps if `word` is `expected`. Returns after a wake-up, at `deadline`, after
// kRecheckSeconds, after a signal, or for no reason at all. It does not say
// which: the caller must look at the word, and at the deadline.
void futex_wait(const std::atomic<uint32_t>& word, uint32_t expected,
                Deadline deadline);

// Wakes at most `count` sleepers of `word`, or all. Returns how many it woke.
int futex_wake(const std::atomic<uint32_t>& word, int count);
int futex_wake_all(const std::atomic<uint32_t>& word);

}  // namespace ipc
