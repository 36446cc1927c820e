// Sleeping until a 32-bit word in shared memory changes: futex(2).
//
//   while (word.load() == seen) ipc::futex_wait(word, seen, deadline);
//
// The kernel compares and falls asleep in one step, so a change between the
// caller's look at the word and the sleep is not missed. Nothing is kept about
// a sleeper except in the kernel: one that is killed leaves no trace in the
// shared memory, unlike a waiter of pthread_cond_t.
//
// Requires: the word in memory that all who use it have mapped.
// Death:    whoever changes a word and is killed before futex_wake() wakes
//           nobody; so is a wake-up lost whose receiver is killed before it
//           acts on it. No sleep is therefore longer than kRecheckSeconds, and
//           then the caller looks again.
// See:      futex(2), futex(7); Drepper 2011, "Futexes Are Tricky".
#pragma once

#include <stdint.h>

#include <atomic>

#include "common/base/clock.h"

namespace ipc {

static_assert(std::atomic<uint32_t>::is_always_lock_free &&
                  std::atomic<uint64_t>::is_always_lock_free,
              "an atomic with a lock has it in one process only");
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t),
              "the kernel compares 32 bits");

// Where a word that only counts changes begins: shortly before it wraps, so
// that every test goes through that and not only a program that has run for
// months.
inline constexpr uint32_t kCountsFrom = uint32_t{0} - 4;

// Sleeps if `word` is `expected`, until a wake-up, `deadline`, or
// kRecheckSeconds have passed, a signal has come, or for no reason at all. It
// does not say which: the caller looks at the word, and at the deadline.
void futex_wait(const std::atomic<uint32_t>& word, uint32_t expected,
                Deadline deadline);

// Wakes at most `count` sleepers of `word`, or all; returns how many.
int futex_wake(const std::atomic<uint32_t>& word, int count);
int futex_wake_all(const std::atomic<uint32_t>& word);

}  // namespace ipc
