#include "labs/reactive/observable.h"

#include <errno.h>

#include "common/base/errors.h"
#include "common/base/hooks.h"

namespace ipc {

const char* describe(Change change) {
  switch (change) {
    case Change::newer:
      return "newer";
    case Change::ended:
      return "ended";
    case Change::died:
      return "died";
    case Change::timed_out:
      return "timed out";
  }
  return "?";
}

bool ObservableBase::try_begin() {
  home_.enter_holders();
  const Holder self = holder_self();
  Holder before = publisher_.load();
  while (before == Holder::nobody || before == self || !holder_alive(before)) {
    inner_point("observable: before it begins");
    if (publisher_.compare_exchange_strong(before, self)) {
      ended_.store(false);
      return true;
    }
    // Another process was faster: look which one.
  }
  return false;
}

void ObservableBase::begin() {
  if (!try_begin()) throw_error(EBUSY, "begin: another process publishes");
}

void ObservableBase::end() {
  IPC_CHECK(is_publisher());
  // In this order: a publisher that dies in between counts as ended, as it
  // said.
  ended_.store(true);
  publisher_.store(Holder::nobody);
  sleepers_.wake_all();
}

bool ObservableBase::is_publisher() const {
  return publisher_.load() == holder_self();
}

Change ObservableBase::outlook() const {
  home_.enter_holders();
  inner_point("observable: before the outlook");
  if (ended_.load()) return Change::ended;
  const Holder publisher = publisher_.load();
  const bool dead = publisher != Holder::nobody && !holder_alive(publisher);
  return dead ? Change::died : Change::newer;
}

ObservableBase::Waiting::Waiting(const ObservableBase& observable)
    : observable_(observable), stay_(observable.sleepers_) {
  object_event(EventKind::wait, "Observable", &observable_, "a newer value of");
}

ObservableBase::Waiting::~Waiting() {
  object_event(EventKind::wake, "Observable", &observable_);
}

}  // namespace ipc
