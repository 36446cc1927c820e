// Waiting a moment without going to sleep.
//
// Sleeping until another process on another CPU does something costs both of
// them microseconds, for the sleep and for the wake-up: 50 us on a virtual
// machine, 5 us on bare metal. If the event comes sooner than that, it is
// cheaper to keep looking. If it comes later, or cannot come because the other
// process waits for this CPU, the looking was in vain.
//
// See: docs/benchmarks; "spin-then-block" in Karlin et al. 1991, "Empirical
//      Studies of Competitive Spinning for a Shared-Memory Multiprocessor".
#pragma once

#include <stdint.h>

#include <algorithm>
#include <atomic>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/base/pause_cpu.h"

namespace ipc {

// Looks at something for at most kSpinNs, and learns from the result:
//
//   - Whether spinning pays. After each spin in vain it skips twice as many
//     calls of until() as before, up to kLeaveOutMost; after a success it skips
//     none. So it costs next to nothing where it is of no use: on one CPU, or
//     if the other process is slow.
//   - Whether several messages come together. A process that takes each message
//     as soon as it is there takes the cache lines away from the sender, which
//     is writing the next one, and both are slower than with several messages
//     at a time. So if there were several, it lingers before it returns, up to
//     kLingerMost pauses or some 3 us. If there was one, it does not linger,
//     but every kProbe-th time it tries whether that would help.
//
// Lifetime: one for each thing that is waited for, in private memory of the
//           process. A child begins with what its parent had learnt.
// Blocks:   never; it keeps its CPU busy for at most kSpinNs.
// Threads:  several may use one; it may then learn a little less.
class Spin {
 public:
  static constexpr int64_t kSpinNs = 20'000;
  static constexpr uint32_t kLeaveOutMost = 256;
  static constexpr uint32_t kLingerMost = 128;
  static constexpr uint32_t kProbe = 32;

  // Returns whether `look` returned true in time. While the process is
  // explored, `look` is not called at all: no other process runs meanwhile.
  template <typename Look>
  bool until(Look look) {
    if (process_gate != nullptr) return false;
    // Relaxed, here and below: a lost count does no harm.
    if (const uint32_t rest = leave_out_.load(std::memory_order_relaxed)) {
      leave_out_.store(rest - 1, std::memory_order_relaxed);
      return false;
    }
    if (!looks_until(look)) {
      const uint32_t next = next_.load(std::memory_order_relaxed);
      leave_out_.store(next, std::memory_order_relaxed);
      next_.store(std::min(2 * next, kLeaveOutMost), std::memory_order_relaxed);
      return false;
    }
    next_.store(1, std::memory_order_relaxed);
    pause(linger_.load(std::memory_order_relaxed));
    return true;
  }

  // To be called after until() returned true, with the number of things (such
  // as messages) that were found.
  void found(uint32_t count) {
    uint32_t linger = linger_.load(std::memory_order_relaxed);
    linger = count > 1 ? std::clamp(2 * linger, 1U, kLingerMost) : linger / 2;
    if (linger == 0) {
      const uint32_t singles = singles_.load(std::memory_order_relaxed) + 1;
      singles_.store(singles, std::memory_order_relaxed);
      if (singles % kProbe == 0) linger = kLingerMost / 16;
    }
    linger_.store(linger, std::memory_order_relaxed);
  }

 private:
  static void pause(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) pause_cpu();
  }

  template <typename Look>
  static bool looks_until(Look look) {
    constexpr uint32_t kPausesMost = 8;
    constexpr int kLooksPerClock = 8;
    int64_t end_ns = 0;
    uint32_t pauses = 1;
    for (int i = 1;; ++i) {
      if (look()) return true;
      // Each look may take the cache line away from the process that writes it.
      pause(pauses);
      pauses = std::min(2 * pauses, kPausesMost);
      if (i % kLooksPerClock != 0) continue;
      const int64_t now = now_ns();
      if (end_ns == 0) end_ns = now + kSpinNs;
      if (now >= end_ns) return false;
    }
  }

  // leave_out_ calls are still to be skipped, and next_ calls will be skipped
  // after the next failure: leave_out_ <= next_ <= kLeaveOutMost, and next_ is
  // a power of two. After a success next_ is 1; leave_out_ was 0 already.
  std::atomic<uint32_t> leave_out_{0};
  std::atomic<uint32_t> next_{1};
  // linger_ is the number of pauses after a success: from 0, where one message
  // comes at a time, to kLingerMost. singles_ counts how often just one came
  // while linger_ was 0, for the probe.
  std::atomic<uint32_t> linger_{0};
  std::atomic<uint32_t> singles_{0};
};

}  // namespace ipc
