// Wrong: each worker asks the server for a lock, and gets one: its own.

#include <string>

#include "common/lab.h"
#include "common/managed.h"
#include "common/manager.h"
#include "common/point.h"
#include "common/report.h"
#include "common/schedule.h"

namespace {

std::string lesson() {
  ipc::Manager manager;
  const ipc::managed::Dict dict = manager.dict();
  dict.set("total", 0);
  ipc::Schedule schedule(true);
  schedule.add_server(manager.process().pid());
  for (int i = 0; i < 2; ++i) {
    schedule.add("Worker " + std::to_string(i), [&] {
      const ipc::managed::Lock lock = manager.lock();
      const ipc::managed::Guard guard(lock);
      const auto old = dict.get("total");
      ipc::point("after get");
      dict.set("total", old->as_int() + 1);
      ipc::say("Set it to {}", old->as_int() + 1);
    });
  }
  const std::string problem = schedule.play("ABAB");
  ipc::say("With a lock: 2 updates, total {}", dict.get("total")->as_int());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lock_per_worker", "A lock that nobody else has.");
  return lab.run(argc, argv, lesson);
}
