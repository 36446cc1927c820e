// Waiting a moment without going to sleep.
//
// To sleep until another process on another CPU does something, and to be woken
// by it, takes microseconds for the one and the other: 50 us on a virtual
// machine, 5 us on bare metal. If it comes sooner than that, it is cheaper to
// keep looking. If it comes later, or if it cannot come because its process
// waits for this CPU, then the looking was for nothing.
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

// Looks at something for at most kSpinNs, and learns from what comes of it:
//
//   - Whether it pays. After each time in vain it leaves out twice as many as
//     before, up to kLeaveOutMost, and after a success none. So it costs next
//     to nothing where it is of no use: on one CPU, and beside somebody slow.
//   - Whether more comes at once. A process that takes each message as soon as
//     it is there takes the cache lines away from the one that is at the next,
//     and both are slower than if there were several at a time. So if there
//     were several it lingers a little before it returns, up to kLingerMost
//     pauses or some 3 us, and if there was one it does not; every kProbe-th
//     time it tries how it would be.
//
// Lifetime: one for each thing that is waited for, in memory of the process. In
//           a child it begins with what its parent had learnt.
// Blocks:   never; it burns its CPU for kSpinNs at most.
// Threads:  several may use one: they may then learn a little less.
class Spin {
 public:
  static constexpr int64_t kSpinNs = 20'000;
  static constexpr uint32_t kLeaveOutMost = 256;
  static constexpr uint32_t kLingerMost = 128;
  static constexpr uint32_t kProbe = 32;

  // Whether `look` has returned true in time. It is not asked at all while the
  // process is explored: nobody else moves meanwhile.
  template <typename Look>
  bool until(Look look) {
    if (process_gate != nullptr) return false;
    // Relaxed, here and below: a count that is lost is no harm.
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

  // After until() was true: how many there were of what was waited for.
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
      // Each look may take the cache line away from whoever is to change it.
      pause(pauses);
      pauses = std::min(2 * pauses, kPausesMost);
      if (i % kLooksPerClock != 0) continue;
      const int64_t now = now_ns();
      if (end_ns == 0) end_ns = now + kSpinNs;
      if (now >= end_ns) return false;
    }
  }

  // So many times are yet to be left out, and so many after the next failure:
  // leave_out_ <= next_ <= kLeaveOutMost, and next_ is a power of two. It is 1
  // after a success, and leave_out_ was 0 then.
  std::atomic<uint32_t> leave_out_{0};
  std::atomic<uint32_t> next_{1};
  // Pauses after a success: from 0, where one comes at a time, to kLingerMost;
  // and how often one came while they were 0, for the probe.
  std::atomic<uint32_t> linger_{0};
  std::atomic<uint32_t> singles_{0};
};

}  // namespace ipc
