// manager: three workers share a dictionary, a list and a lock that live in a
// process of their own, the server.
//
//   Worker 0 --get, set, append--+
//   Worker 1 --------------------+--> Manager: { dict, list, lock }
//   Worker 2 --------------------+
//
// Watch for: in act 1 an order is arranged in which two updates meet. As two
// calls, one of them is lost; as one call of the server, or with a lock around
// the two, none is. In act 2 a worker dies with the lock.
// Try: give each worker of act 2 a lock of its own, manager.lock().

#include <signal.h>

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/manager/managed.h"
#include "common/manager/manager.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/manager/updates.h"

namespace {

using ipc::managed::Dict;
using ipc::managed::Guard;
using ipc::managed::List;
using ipc::managed::Lock;

int worker_count = 3;
int round_count = 5;

// The list says what has been done; each counter must match its items.
void repair(const Dict& dict, const List& list) {
  for (const auto& [key, value] : dict.fields()) {
    if (key != "total") dict.set(key, 0);
  }
  for (const ipc::Json& item : list.items()) {
    const std::string text = item.as_text();  // "Item from worker 2, ..."
    (void)dict.add("worker_" + text.substr(17, text.find(',') - 17), 1);
  }
}

void work(int id, const Dict& dict, const List& list, const Lock& lock,
          bool dies) {
  auto random = ipc::random_source(static_cast<unsigned>(id));
  const std::string key = "worker_" + std::to_string(id);
  for (int i = 0; i < round_count; ++i) {
    {
      Guard guard(lock);         // [guard]
      if (guard.owner_died()) {  // [died]
        ipc::say("The last owner died with the lock; I repair the data");
        repair(dict, list);
        guard.repaired();
      }
      dict.set(key, dict.get(key).value_or(0).as_int() + 1);
      if (dies) ::raise(SIGKILL);
      (void)list.append("Item from worker " + std::to_string(id) +
                        ", iteration " + std::to_string(i));
      ipc::say("Updated shared data:");
      ipc::say("  - My counter: {}", dict.get(key)->as_int());
      ipc::say("  - List length: {}", list.size());
    }
    ipc::pause_s(ipc::random_unit(random));
  }
}

std::string lesson() {
  ipc::Manager manager;
  play_updates(manager);

  ipc::say("Act 2: {} workers, and one that dies", worker_count);
  const Dict dict = manager.dict();
  const List list = manager.list();
  const Lock lock = manager.lock();
  dict.set("total", 0);
  const int mortal_id = worker_count;
  ipc::Process mortal("Worker " + std::to_string(mortal_id),
                      [&] { work(mortal_id, dict, list, lock, true); });
  const int status = mortal.join();
  ipc::say("{}: {}, with the lock", mortal.name(),
           ipc::describe_status(status));
  if (status != -SIGKILL) return "the worker was not killed";
  std::vector<ipc::Process> workers;
  workers.reserve(static_cast<size_t>(worker_count));
  for (int i = 0; i < worker_count; ++i) {
    workers.emplace_back("Worker " + std::to_string(i),
                         [&, i] { work(i, dict, list, lock, false); });
  }
  for (ipc::Process& worker : workers) {
    if (worker.join() != 0) return "a worker failed";
  }
  for (const auto& [key, value] : dict.fields()) {
    if (key != "total") (void)dict.add("total", value);
  }
  if (dict.get("total") != ipc::Json(list.size())) return "the total is wrong";
  ipc::say("Final state of shared dictionary:");
  for (const auto& [key, value] : dict.fields()) {
    ipc::say("  - {}: {}", key, value.text());
  }
  ipc::say("Final state of shared list:");
  for (const ipc::Json& item : list.items()) {
    ipc::say("  - {}", item.as_text());
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("manager", "Workers share objects that a server process has.");
  lab.option("--workers", worker_count, 1, 20, "workers in act 2");
  lab.option("--rounds", round_count, 1, 1000, "updates of each");
  for (const char* way : {"two calls", "one call", "a lock"}) {
    lab.explores(way, two_updates(way));
  }
  return lab.run(argc, argv, lesson);
}
