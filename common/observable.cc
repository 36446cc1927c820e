#include "common/observable.h"

#include "common/point.h"
#include "common/report.h"

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

void ObservableBase::begin() {
  const Holder before = publisher_.load();
  IPC_CHECK(before == Holder::nobody || before == holder_self() ||
            ended_.load() || !holder_alive(before));
  ended_.store(false);
  publisher_.store(holder_self());
}

void ObservableBase::end() {
  IPC_CHECK(is_publisher());
  ended_.store(true);
  sleepers_.wake_all();
}

bool ObservableBase::is_publisher() const {
  return publisher_.load() == holder_self();
}

Change ObservableBase::outlook() const {
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
