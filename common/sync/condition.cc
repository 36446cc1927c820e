#include "common/sync/condition.h"

#include "common/base/check.h"
#include "common/base/hooks.h"

namespace ipc {

Condition::Waiting::Waiting(Condition& condition, const Guard& guard)
    : condition_(condition), guard_(guard), stay_(condition.sleepers_) {
  IPC_CHECK(guard.depth() == 1 && "a deeper lock would not be released");
  object_event(EventKind::wait, "Condition", &condition_);
  guard_.tell(EventKind::release);
}

Condition::Waiting::~Waiting() {
  if (guard_) guard_.tell(EventKind::acquire);
  object_event(EventKind::wake, "Condition", &condition_);
}

void Condition::sleep(Guard& guard, Deadline deadline) {
  // Drawn under the lock: a process that makes the predicate true later needs
  // the lock to do so, and notifies after that.
  const uint32_t ticket = sleepers_.ticket();
  guard.unlock_untold();
  sleepers_.sleep(ticket, deadline);
  // The log has a wait for the lock, which is over; this wait continues.
  if (guard.lock_untold()) object_event(EventKind::wait, "Condition", this);
}

}  // namespace ipc
