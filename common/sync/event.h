// A flag that processes wait for. Modelled on Python's multiprocessing.Event.
//
//   ipc::Shared<ipc::Event> ready;
//   ready->set();              // in one process
//   ready->wait();             // in the others, before or after
//
// Layout:   one 32-bit count of the changes: odd is set, even is clear.
// Blocks:   wait() until the flag is set, wait_until() at most until its
//           deadline. A waiter that sleeps while the flag is set and cleared
//           again returns all the same, because the count has changed.
// Ordering: what was done before set() is visible after a wait or is_set() that
//           saw the flag set.
// Death:    no process holds anything here, so the death of a waiter affects
//           neither the other waiters nor set(). A process killed inside set()
//           has either set the flag or not; if it has, the waiters notice
//           within kRecheckSeconds.
// See:      futex.h
#pragma once

#include <stdint.h>

#include <atomic>
#include <type_traits>

#include "common/base/clock.h"
#include "common/sync/futex.h"

namespace ipc {

class Event {
 public:
  void set();
  void clear();
  [[nodiscard]] bool is_set() const { return is_set(changes_.load()); }

  void wait() const { (void)wait_until(Deadline::never()); }

  // Returns whether the flag was set before the deadline passed.
  [[nodiscard]] bool wait_until(Deadline deadline) const;

 private:
  static bool is_set(uint32_t changes) { return changes % 2 == 1; }

  std::atomic<uint32_t> changes_{kCountsFrom};
};

static_assert(std::is_standard_layout_v<Event>,
              "all processes must agree where its bytes are");

}  // namespace ipc
