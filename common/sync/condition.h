// Waiting until data under a lock are as one needs them; after Python's
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
//           sleeps; wait_until() at most to its deadline. There is no form
//           without a predicate, because a wake-up may come for no reason, and
//           the one that should have come may have been given to a process
//           that was killed. The predicate is asked again every 0.1 s.
// Time-out: false says that the predicate was false after the deadline. The
//           caller has the lock again, so if another process keeps that, or is
//           stopped with it, the call is late by as much, as that of
//           pthread_cond_timedwait(3) is.
// Ordering: that of the lock. A notify is missed by nobody who began to wait
//           before the lock was taken to make the change; it need not be inside
//           the lock.
// Death:    a waiter's death changes nothing for the notifier and, within
//           kRecheckSeconds, nothing for the other waiters. If someone dies
//           with the lock, a waiter that gets it next still waits for its
//           predicate: let it be true too if guard.owner_died().
// See:      futex.h, lock.h; pthread_cond_wait(3), whose waiters, killed, hang
//           the notifier (sourceware.org bug 21422).
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

  // What the predicate said last: false only if the deadline has passed.
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

  // Makes one waiter, or all, ask their predicate again.
  void notify_one() { sleepers_.wake_one(); }
  void notify_all() { sleepers_.wake_all(); }

 private:
  // Counts as a waiter and says so in the event log, where the lock is released
  // once and acquired once, however often the predicate is asked.
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
