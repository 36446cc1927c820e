// Wrong: consumers wait for an item and the producer for room, all on the same
// condition, and each change wakes one of them.
//
// The process that is woken may be the wrong one. Consumer 0 has taken the
// item, and wakes consumer 1, which finds no item and sleeps again. The
// producer, for which the notify was meant, is not woken.

#include <string>
#include <utility>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/condition.h"
#include "common/sync/lock.h"

namespace {

struct Place {
  ipc::Lock lock;
  ipc::Condition changed;
  int item = 0;  // 0: there is none.
};

void put(Place& place, int item) {
  ipc::Guard guard(place.lock);
  place.changed.wait(guard, [&] { return place.item == 0; });
  ipc::say("Put item {}", item);
  place.item = item;
  place.changed.notify_one();
}

void take(Place& place) {
  ipc::Guard guard(place.lock);
  ipc::say("Waiting for an item");
  place.changed.wait(guard, [&] { return place.item != 0; });
  ipc::say("Took item {}", std::exchange(place.item, 0));
  place.changed.notify_one();
}

void add_all(ipc::Schedule& schedule, Place& place) {
  ipc::describe_object("Condition", &place.changed, "changed");
  schedule.show("item", [&] { return std::to_string(place.item); });
  schedule.add("Consumer 0", [&] { take(place); });
  schedule.add("Consumer 1", [&] { take(place); });
  schedule.add("Producer", [&] {
    for (const int item : {1, 2}) put(place, item);
  });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Place> place;
  add_all(schedule, *place);
  schedule.run();
  return "both items were taken";
}

std::string lesson() {
  const ipc::Shared<Place> place;
  ipc::Schedule schedule(true);
  add_all(schedule, *place);
  return schedule.play("ABC");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("one_woken", "Consumers that wait for data in a shared list.");
  lab.explores("place", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
