// managed_types: the twelve types of a manager, and containers in containers.
//
//   Worker 0 --calls--+--> Manager: dict, list, Namespace, Lock, RLock,
//   Worker 1 --calls--+             Semaphore, BoundedSemaphore, Condition,
//                                   Event, Queue, Value, Array
//
// Watch for: in act 1 each object is used by both workers at the same time, and
// what is in the table needs both. In act 2 two workers enter a room, which is
// a list in a dictionary: as a copy, as a copy that is put back, and as a
// managed list.
// Try: delete the Guard of an exhibit, and run it a few times.

#include <functional>
#include <stdexcept>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/manager/managed.h"
#include "common/manager/manager.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/managed_types/exhibits.h"

namespace {

using ipc::Json;
using ipc::managed::Dict;
using ipc::managed::List;

bool show_types() {
  const ipc::Manager manager;
  const Dict uses = manager.dict();
  const std::vector<Exhibit> exhibits = make_exhibits(manager);
  ipc::Process first("Worker 0", [&] {
    for (const Exhibit& each : exhibits) {
      each.first();
      (void)uses.add(each.type, 1);
      ipc::pause_s(0.1);
    }
  });
  ipc::Process second("Worker 1", [&] {
    for (const Exhibit& each : exhibits) {
      each.second();
      (void)uses.add(each.type, 1);
    }
  });
  if (first.join() != 0 || second.join() != 0) return false;
  for (const Exhibit& each : exhibits) {
    ipc::say("{:16} | {} processes | {}", each.type,
             uses.get(each.type)->as_int(), each.result());
  }
  return true;
}

// A worker enters the room in two steps.
using Enter = std::function<void(const Dict& rooms, const std::string& name)>;

void enter_copy(const Dict& rooms, const std::string& name) {  // [copy]
  auto members = rooms.get("lobby")->items();
  ipc::point("after get");
  members.emplace_back(name);
}

void enter_and_put_back(const Dict& rooms, const std::string& name) {
  auto members = rooms.get("lobby")->items();
  ipc::point("after get");
  members.emplace_back(name);
  rooms.set("lobby", Json::list(members));  // [back]
}

void enter_managed(const Dict& rooms, const std::string& name) {  // [open]
  const auto members = rooms.open<List>(*rooms.get("lobby"));
  ipc::point("after get");
  (void)members.append(name);
}

// Plays two workers that meet as they enter; returns how many are in the room.
size_t play(ipc::Manager& manager, const Dict& rooms, const Enter& enter) {
  ipc::Schedule schedule(true);
  schedule.add_server(manager.process().pid());
  for (const char* const name : {"Worker 0", "Worker 1"}) {
    schedule.add(name, [&, name] {
      enter(rooms, name);
      ipc::say("Is in the lobby");
    });
  }
  const std::string problem = schedule.play("ABAB");
  if (!problem.empty()) throw std::runtime_error(problem);
  const Json lobby = *rooms.get("lobby");
  if (lobby.kind() == Json::Kind::list) return lobby.items().size();
  return rooms.open<List>(lobby).size();
}

void show_nesting() {
  ipc::Manager manager;
  const Dict rooms = manager.dict();
  const auto tell = [&](const char* what, const Enter& enter) {
    ipc::say("{}: members {}", what, play(manager, rooms, enter));
  };
  rooms.set("lobby", Json::list({}));
  tell("A copy is changed", enter_copy);
  tell("A copy is changed and put back", enter_and_put_back);
  rooms.set("lobby", manager.list());  // [nest]
  tell("The list is managed", enter_managed);
}

std::string lesson() {
  ipc::say("Act 1: twelve types, two processes");
  if (!show_types()) return "a worker failed";
  ipc::say("Act 2: two workers enter a room, which is a list in a dict");
  show_nesting();
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("managed_types", "All the types of a manager, also nested.");
  return lab.run(argc, argv, lesson);
}
