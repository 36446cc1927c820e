#include "labs/manager/updates.h"

#include <functional>
#include <stdexcept>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/manager/managed.h"
#include "common/report/report.h"

namespace {

using ipc::managed::Dict;
using ipc::managed::Guard;
using ipc::managed::Lock;

// Two calls, and between them the server may serve another client.
int add_in_two_calls(const Dict& dict) {  // [two]
  const auto old = dict.get("total");
  ipc::point("after get");
  dict.set("total", old->as_int() + 1);
  return static_cast<int>(old->as_int()) + 1;
}

void update(const std::string& way, const Dict& dict, const Lock& lock) {
  if (way == "one call") {
    ipc::say("Added, it is {}", dict.add("total", 1).as_int());  // [one]
    return;
  }
  if (way == "two calls") {
    ipc::say("Set it to {}", add_in_two_calls(dict));
    return;
  }
  const Guard guard(lock);
  ipc::say("Set it to {}", add_in_two_calls(dict));
}

void add_workers(ipc::Schedule& schedule, ipc::Manager& manager,
                 const std::function<void()>& work) {
  schedule.add_server(manager.process().pid());
  for (int i = 0; i < 2; ++i) {
    schedule.add("Worker " + std::to_string(i), work);
  }
}

void play(ipc::Manager& manager, const std::string& way,
          const std::string& order) {
  const Dict dict = manager.dict();
  const Lock lock = manager.lock();
  dict.set("total", 0);
  ipc::Schedule schedule(true);
  add_workers(schedule, manager, [&] { update(way, dict, lock); });
  ipc::say("Act 1: {}", way);
  const std::string problem = schedule.play(order);
  if (!problem.empty()) throw std::runtime_error(problem);
  ipc::say("With {}: 2 updates, total {}", way, dict.get("total")->as_int());
}

}  // namespace

void play_updates(ipc::Manager& manager) {
  play(manager, "two calls", "ABAB");
  play(manager, "one call", "AB");
  play(manager, "a lock", "ABAB");
}

ipc::Scenario two_updates(const std::string& way) {
  return [way](ipc::Schedule& schedule) {
    ipc::Manager manager;
    const Dict dict = manager.dict();
    const Lock lock = manager.lock();
    dict.set("total", 0);
    const auto total = [&] {
      return std::to_string(dict.get("total")->as_int());
    };
    schedule.show("total", total);
    add_workers(schedule, manager, [&] { update(way, dict, lock); });
    schedule.run();
    return "total " + total();
  };
}
