#include "labs/condition/place.h"

#include <utility>

#include "common/base/hooks.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

template <typename Predicate>
void wait(Place& place, ipc::Condition& own, ipc::Guard& guard,
          Predicate predicate) {
  bool has_slept = false;
  const auto counted = [&] {
    const bool is_true = predicate();
    if (std::exchange(has_slept, true)) {
      ++place.woken;
      if (!is_true) ++place.woken_in_vain;
    }
    return is_true;
  };
  (place.has_two_conditions ? own : place.filled).wait(guard, counted);
}

void notify(Place& place, ipc::Condition& own) {
  if (place.has_two_conditions) {
    own.notify_one();  // [one] Any process that waits can use it.
  } else {
    place.filled.notify_all();  // [all] One that can use it is among them.
  }
}

void put(Place& place, int item) {
  ipc::Guard guard(place.lock);
  wait(place, place.emptied, guard, [&] { return place.item == 0; });
  ipc::say("Put item {}", item);
  place.item = item;
  notify(place, place.filled);
}

void take(Place& place) {
  ipc::Guard guard(place.lock);
  ipc::say("Waiting for an item");
  wait(place, place.filled, guard, [&] { return place.item != 0; });
  ipc::say("Took item {}", std::exchange(place.item, 0));
  notify(place, place.emptied);
}

void add_all(ipc::Schedule& schedule, Place& place) {
  ipc::describe_object("Condition", &place.filled, "filled");
  ipc::describe_object("Condition", &place.emptied, "emptied");
  schedule.show("item", [&] { return std::to_string(place.item); });
  schedule.add("Consumer 0", [&] { take(place); });
  schedule.add("Consumer 1", [&] { take(place); });
  schedule.add("Producer", [&] {
    for (const int item : {1, 2}) put(place, item);
  });
}

}  // namespace

std::string play_place(bool has_two_conditions) {
  const ipc::Shared<Place> place(has_two_conditions);
  ipc::Schedule schedule(true);
  add_all(schedule, *place);
  if (auto problem = schedule.play("ABC"); !problem.empty()) return problem;
  ipc::say("Woken {} times, {} of them in vain", place->woken,
           place->woken_in_vain);
  return "";
}

std::string explore_place(ipc::Schedule& schedule, bool has_two_conditions) {
  const ipc::Shared<Place> place(has_two_conditions);
  add_all(schedule, *place);
  schedule.run();
  return std::to_string(place->woken_in_vain) + " woken in vain";
}
