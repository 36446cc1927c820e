// A flag that processes wait for; after Python's multiprocessing.Event.
//
//   ipc::Shared<ipc::Event> ready;
//   ready->set();              // in one process
//   ready->wait();             // in the others, before or after
//
// Layout:   one 32-bit count of the changes: odd is set, even is clear.
// Blocks:   wait() until it is set, wait_until() at most to its deadline.
//           A waiter that slept while it was set and cleared again has been
//           waited for: it returns, because the count has changed.
// Ordering: what was done before set() is visible after the wait, or is_set(),
//           that saw it.
// Death:    nobody holds anything here, so the death of a waiter changes
//           nothing for the others, nor for set(). A process killed inside
//           set() has set it or not; if so, the waiters know it within
//           kRecheckSeconds.
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

  // Whether it was set before the deadline had passed.
  [[nodiscard]] bool wait_until(Deadline deadline) const;

 private:
  static bool is_set(uint32_t changes) { return changes % 2 == 1; }

  std::atomic<uint32_t> changes_{kCountsFrom};
};

static_assert(std::is_standard_layout_v<Event>,
              "all processes must agree where its bytes are");

}  // namespace ipc
