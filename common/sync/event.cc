#include "common/sync/event.h"

#include "common/base/hooks.h"
#include "common/sync/futex.h"

namespace ipc {

void Event::set() {
  uint32_t changes = changes_.load();
  // Sequentially consistent, and so also a release: it publishes to waiters
  // what was done before. The loads in wait_until() pair with it.
  while (!is_set(changes)) {
    inner_point("event: before set");
    if (changes_.compare_exchange_weak(changes, changes + 1)) {
      inner_point("event: before wake");
      futex_wake_all(changes_);
      return;
    }
  }
}

void Event::clear() {
  uint32_t changes = changes_.load();
  while (is_set(changes)) {
    inner_point("event: before clear");
    if (changes_.compare_exchange_weak(changes, changes + 1)) return;
  }
}

bool Event::wait_until(Deadline deadline) const {
  const uint32_t before = changes_.load();
  bool was_set = is_set(before);
  if (!was_set) {
    object_event(EventKind::wait, "Event", this);
    // If the even count has changed, it was odd at some moment.
    while (!(was_set = changes_.load() != before) && !deadline.expired()) {
      inner_point("event: before sleep");
      futex_wait(changes_, before, deadline);
    }
    object_event(EventKind::wake, "Event", this);
  }
  return was_set;
}

}  // namespace ipc
