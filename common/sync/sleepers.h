// The processes that sleep until something in shared memory has changed.
//
//   waiter                                    process that changes it
//   Sleepers::Stay stay(sleepers);            change what is waited for
//   while (true) {                            sleepers.wake_all();
//     const uint32_t ticket = sleepers.ticket();
//     if (what is waited for is there) break;
//     sleepers.sleep(ticket, deadline);
//   }
//
// A waiter draws its ticket before it looks. A wake-up makes the ticket stale,
// and a sleep with a stale ticket ends at once, so a change between the look
// and the sleep is not missed.
//
// Blocks:   sleep(), as futex_wait() does; wake_one() and wake_all() never.
// Ordering: the waiter counts itself, then looks; the waker makes its change,
//           then reads the count. Each has a full fence between its two steps,
//           so either the waiter sees the change or the waker sees the waiter.
// Death:    a killed sleeper leaves the count one too high. From then on each
//           wake costs a system call; there is no other harm. See futex.h for
//           the wake-ups that are lost by a death.
// See:      futex.h; "event count" in the literature (Reed and Kanodia 1979).
#pragma once

#include <stdint.h>

#include <atomic>
#include <limits>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/sync/futex.h"

namespace ipc {

class Sleepers {
 public:
  // Counts the process as a sleeper while this object lives.
  class [[nodiscard]] Stay {
   public:
    explicit Stay(Sleepers& sleepers) : sleepers_(sleepers) {
      inner_point("sleepers: before it is counted");
      sleepers_.count_.fetch_add(1);
      // Pairs with the fence in wake().
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    Stay(Stay&&) = delete;
    Stay& operator=(Stay&&) = delete;
    ~Stay() { sleepers_.count_.fetch_sub(1); }

   private:
    Sleepers& sleepers_;
  };

  [[nodiscard]] uint32_t ticket() const {
    // Lets the explorer find a ticket that is drawn too late, after the look.
    inner_point("sleepers: before the ticket");
    return sequence_.load();
  }

  // Sleeps as futex_wait() does; returns at once if the ticket is stale.
  void sleep(uint32_t ticket, Deadline deadline) const {
    inner_point("sleepers: before sleep");
    futex_wait(sequence_, ticket, deadline);
  }

  // Makes the tickets stale and wakes one sleeper, or all of them. If there is
  // no sleeper, this costs only one load.
  void wake_one() { wake(1); }
  void wake_all() { wake(kAll); }

 private:
  static constexpr int kAll = std::numeric_limits<int>::max();

  void wake(int count) {
    inner_point("sleepers: before the look for any");
    // Pairs with the fence in Stay: the caller's change, whatever its memory
    // order was, is visible before the count is read.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (count_.load() == 0) return;
    sequence_.fetch_add(1);
    inner_point("sleepers: before wake");
    futex_wake(sequence_, count);
  }

  std::atomic<uint32_t> sequence_{kCountsFrom};
  std::atomic<uint32_t> count_{0};
};

}  // namespace ipc
