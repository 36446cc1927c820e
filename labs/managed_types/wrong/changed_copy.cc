// Wrong: the dictionary is managed, but the list in it is not. What get()
// returns is a copy of it, so no worker ever enters the room.

#include <string>

#include "common/base/hooks.h"
#include "common/base/json.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/manager/managed.h"
#include "common/manager/manager.h"
#include "common/report/report.h"

namespace {

void enter(const ipc::managed::Dict& rooms, const std::string& name) {
  auto members = rooms.get("lobby")->items();
  ipc::point("after get");
  members.emplace_back(name);
  ipc::say("Is in the lobby");
}

std::string lesson() {
  ipc::Manager manager;
  const ipc::managed::Dict rooms = manager.dict();
  rooms.set("lobby", ipc::Json::list({}));
  ipc::Schedule schedule(true);
  schedule.add_server(manager.process().pid());
  for (const char* const name : {"Worker 0", "Worker 1"}) {
    schedule.add(name, [&, name] { enter(rooms, name); });
  }
  const std::string problem = schedule.play("ABAB");
  ipc::say("The list is managed: members {}",
           rooms.get("lobby")->items().size());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("changed_copy", "Two workers enter a room.");
  return lab.run(argc, argv, lesson);
}
