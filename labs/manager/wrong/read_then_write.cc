// Wrong: the server does each call as a whole, so why a lock? Because an update
// is two calls here, and the number may change between them.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/manager/managed.h"
#include "common/manager/manager.h"
#include "common/report/report.h"

namespace {

void update(const ipc::managed::Dict& dict) {
  const auto old = dict.get("total");
  ipc::point("after get");
  dict.set("total", old->as_int() + 1);
  ipc::say("Added, it is {}", old->as_int() + 1);
}

void add_workers(ipc::Schedule& schedule, ipc::Manager& manager,
                 const ipc::managed::Dict& dict) {
  schedule.add_server(manager.process().pid());
  for (int i = 0; i < 2; ++i) {
    schedule.add("Worker " + std::to_string(i), [&] { update(dict); });
  }
}

// What the explorer plays in every order.
std::string two_updates(ipc::Schedule& schedule) {
  ipc::Manager manager;
  const ipc::managed::Dict dict = manager.dict();
  dict.set("total", 0);
  add_workers(schedule, manager, dict);
  schedule.run();
  return "total " + std::to_string(dict.get("total")->as_int());
}

std::string lesson() {
  ipc::Manager manager;
  const ipc::managed::Dict dict = manager.dict();
  dict.set("total", 0);
  ipc::Schedule schedule(true);
  add_workers(schedule, manager, dict);
  const std::string problem = schedule.play("ABAB");
  ipc::say("With one call: 2 updates, total {}", dict.get("total")->as_int());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("read_then_write",
               "Two workers and a dictionary of the server.");
  lab.explores("updates", two_updates);
  return lab.run(argc, argv, lesson);
}
