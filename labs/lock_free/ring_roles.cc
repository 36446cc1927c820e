#include "labs/lock_free/ring_roles.h"

#include <sched.h>
#include <signal.h>

#include <stdexcept>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

constexpr double kPauseS = 0.2;
constexpr double kLimitS = 30;

// No call wakes a process that waits for a ring: it looks again and again, and
// lets others run first.
template <typename Ready>
void await(Ready ready) {
  const auto limit = ipc::Deadline::after(kLimitS * ipc::time_scale());
  while (!ready()) {
    if (limit.expired()) throw std::runtime_error("the other side is gone");
    ::sched_yield();
  }
}

}  // namespace

void produce(ipc::SpscRing& ring, int item_count, bool dies_when_full) {
  const auto is_full = [&] { return ring.tail() - ring.head() == kRoom; };
  if (ring.tail() > 0) ipc::say("Continuing with item {}", ring.tail());
  for (int item = static_cast<int>(ring.tail()); item < item_count; ++item) {
    if (dies_when_full && is_full()) {
      ipc::say("Full: {} put, {} taken", ring.tail(), ring.head());
      ::raise(SIGKILL);
    }
    await([&] { return !is_full(); });  // [room]
    ipc::say("Put item {} into slot {}", item, ring.tail() % kRoom);
    // There is still room: no other process puts anything.
    IPC_CHECK(ring.try_put(&item));  // [put]
    ipc::pause_s(kPauseS);
  }
}

void consume(ipc::SpscRing& ring, int item_count) {
  int item = -1;
  for (int i = 0; i < item_count; ++i) {
    await([&] { return ring.try_get(&item); });
    ipc::say("Got item {} from slot {}", item, (ring.head() - 1) % kRoom);
  }
  if (ring.try_get(&item)) throw std::runtime_error("one item is left over");
  ipc::say("Empty: {} put, {} taken", ring.tail(), ring.head());
}
