// Waiting until the data under a lock meet a condition. Modelled on Python's
// multiprocessing.Condition.
//
//   waiter                                    notifier
//   ipc::Guard guard(*lock);                  ipc::Guard guard(*lock);
//   condition->wait(guard, [&] {              *items += 1;
//     return *items > 0;                      condition->notify_one();
//   });
//
// Requires: the predicate looks only at what the lock protects, and the guard
//           holds it exactly once (an RLock at depth 1).
// Blocks:   wait() until the predicate is true, with the lock released while it
//           sleeps; wait_until() at most until its deadline. There is no form
//           without a predicate, because a wake-up may come for no reason, and
//           the wake-up that was meant for this waiter may have gone to a
//           process that was killed. The predicate is tested again every 0.1 s.
// Time-out: false means that the predicate was false after the deadline. The
//           caller holds the lock again. So if another process keeps the lock,
//           or is stopped while it holds the lock, the call returns late, just
//           as pthread_cond_timedwait(3) does.
// Ordering: that of the lock. A notify reaches every waiter that began to wait
//           before the notifier took the lock to make its change. The notifier
//           need not hold the lock when it notifies.
// Death:    a waiter's death does not affect the notifier, and delays the other
//           waiters by at most kRecheckSeconds. If a process dies while it
//           holds the lock, the waiter that gets the lock next still waits for
//           its predicate. So make the predicate true if guard.owner_died().
// See:      futex.h, lock.h; pthread_cond_wait(3), where a killed waiter makes
//           the notifier hang (sourceware.org bug 21422).
#pragma once

#include <type_traits>

#include "common/base/clock.h"
#include "common/sync/robust_mutex.h"
#include "common/sync/sleepers.h"

namespace ipc {

class Condition {
 public:
  template <typename Predicate>
  void wait(Guard& guard, Predicate predicate) {
    (void)wait_until(guard, Deadline::never(), predicate);
  }

  // Returns what the predicate returned last: false only after the deadline.
  template <typename Predicate>
  [[nodiscard]] bool wait_until(Guard& guard, Deadline deadline,
                                Predicate predicate) {
    if (predicate()) return true;
    const Waiting waiting(*this, guard);
    bool satisfied = false;
    do {
      sleep(guard, deadline);
      satisfied = predicate();
    } while (!satisfied && !deadline.expired());
    return satisfied;
  }

  // Makes one waiter, or all of them, test the predicate again.
  void notify_one() { sleepers_.wake_one(); }
  void notify_all() { sleepers_.wake_all(); }

 private:
  // Counts as a waiter and records this in the event log. The log shows one
  // release and one acquire of the lock, however often the predicate is tested.
  class Waiting {
   public:
    Waiting(Condition& condition, const Guard& guard);
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    Waiting(Waiting&&) = delete;
    Waiting& operator=(Waiting&&) = delete;
    ~Waiting();

   private:
    Condition& condition_;
    const Guard& guard_;
    Sleepers::Stay stay_;
  };

  void sleep(Guard& guard, Deadline deadline);

  Sleepers sleepers_;
};

static_assert(std::is_standard_layout_v<Condition>,
              "all processes must agree where its bytes are");

}  // namespace ipc
