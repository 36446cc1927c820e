#include "common/sync/semaphore.h"

#include <limits>

#include "common/base/check.h"
#include "common/base/hooks.h"

namespace ipc {
namespace {

// Calls `take` until it succeeds or the deadline has passed, and sleeps between
// the calls.
template <typename Take>
bool take_until(Sleepers& sleepers, Deadline deadline, const char* type,
                const void* semaphore, Take take) {
  object_event(EventKind::wait, type, semaphore);
  bool taken = false;
  {
    const Sleepers::Stay stay(sleepers);
    while (true) {
      const uint32_t ticket = sleepers.ticket();
      taken = take();
      if (taken || deadline.expired()) break;
      sleepers.sleep(ticket, deadline);
    }
  }
  object_event(EventKind::wake, type, semaphore);
  if (taken) object_event(EventKind::acquire, type, semaphore);
  return taken;
}

}  // namespace

bool Semaphore::take() {
  uint32_t value = value_.load();
  while (value > 0) {
    inner_point("semaphore: before take");
    if (value_.compare_exchange_weak(value, value - 1)) return true;
  }
  return false;
}

bool Semaphore::try_acquire() {
  if (!take()) return false;
  object_event(EventKind::acquire, "Semaphore", this);
  return true;
}

bool Semaphore::acquire_until(Deadline deadline) {
  if (try_acquire()) return true;
  return take_until(sleepers_, deadline, "Semaphore", this,
                    [this] { return take(); });
}

void Semaphore::release() {
  object_event(EventKind::release, "Semaphore", this);
  const uint32_t before = value_.fetch_add(1);
  IPC_CHECK(before != std::numeric_limits<uint32_t>::max());
  sleepers_.wake_one();
}

BoundedSemaphore::BoundedSemaphore(uint32_t permits) : permits_(permits) {
  IPC_CHECK(permits >= 1 && permits <= kMaxPermits);
}

// Gives one permit of `from` to `to`.
bool BoundedSemaphore::exchange_one(Holder from, Holder to) {
  for (uint32_t i = 0; i < permits_; ++i) {
    Holder expected = from;
    if (holders_[i].load() != from) continue;
    inner_point("semaphore: before exchange");
    if (holders_[i].compare_exchange_strong(expected, to)) return true;
  }
  return false;
}

// Frees the permits of dead holders. Returns whether there were any.
bool BoundedSemaphore::take_back() {
  bool any = false;
  for (uint32_t i = 0; i < permits_; ++i) {
    Holder holder = holders_[i].load();
    if (holder == Holder::nobody || holder_alive(holder)) continue;
    inner_point("semaphore: before taking back");
    // This fails if another process was quicker. A dead holder never comes
    // back, so what is exchanged here is still the dead one's.
    any |= holders_[i].compare_exchange_strong(holder, Holder::nobody);
  }
  if (any) sleepers_.wake_all();
  return any;
}

bool BoundedSemaphore::take() {
  home_.enter_holders();
  const Holder self = holder_self();
  do {
    if (exchange_one(Holder::nobody, self)) return true;
  } while (take_back());
  return false;
}

bool BoundedSemaphore::try_acquire() {
  if (!take()) return false;
  object_event(EventKind::acquire, "BoundedSemaphore", this);
  return true;
}

bool BoundedSemaphore::acquire_until(Deadline deadline) {
  if (try_acquire()) return true;
  return take_until(sleepers_, deadline, "BoundedSemaphore", this,
                    [this] { return take(); });
}

void BoundedSemaphore::release() {
  home_.enter_holders();
  object_event(EventKind::release, "BoundedSemaphore", this);
  IPC_CHECK(exchange_one(holder_self(), Holder::nobody) &&
            "released by a process that does not hold it");
  sleepers_.wake_one();
}

uint32_t BoundedSemaphore::value() const {
  home_.enter_holders();
  uint32_t count = 0;
  for (uint32_t i = 0; i < permits_; ++i) {
    const Holder holder = holders_[i].load();
    if (holder == Holder::nobody || !holder_alive(holder)) ++count;
  }
  return count;
}

}  // namespace ipc
