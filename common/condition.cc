#include "common/condition.h"

#include "common/check.h"
#include "common/report.h"

namespace ipc {

Condition::Waiting::Waiting(Condition& condition, const Guard& guard)
    : condition_(condition), stay_(condition.sleepers_) {
  IPC_CHECK(guard.depth() == 1 && "a deeper lock would not be released");
  object_event(EventKind::wait, "Condition", &condition_);
}

Condition::Waiting::~Waiting() {
  object_event(EventKind::wake, "Condition", &condition_);
}

void Condition::sleep(Guard& guard, Deadline deadline) {
  // Drawn under the lock: whoever makes the predicate true later needs the lock
  // for it, and notifies after that.
  const uint32_t ticket = sleepers_.ticket();
  guard.unlock();
  sleepers_.sleep(ticket, deadline);
  guard.lock();
}

}  // namespace ipc
