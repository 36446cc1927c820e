// Wrong: items() is a copy of the list, and the copy is what grows.

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/manager/managed.h"
#include "common/manager/manager.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void work(const ipc::managed::List& list, const ipc::managed::Lock& lock) {
  for (int i = 0; i < 2; ++i) {
    const ipc::managed::Guard guard(lock);
    std::vector<ipc::Json> items = list.items();
    items.emplace_back("Item from worker 0, iteration " + std::to_string(i));
    ipc::say("Updated shared data:");
    ipc::say("  - My counter: {}", i + 1);
    ipc::say("  - List length: {}", list.size());
  }
}

std::string lesson() {
  const ipc::Manager manager;
  const ipc::managed::List list = manager.list();
  const ipc::managed::Lock lock = manager.lock();
  ipc::Process worker("Worker 0", [&] { work(list, lock); });
  return worker.join() == 0 ? "" : "the worker failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("changed_copy", "A worker and a list of the server.");
  return lab.run(argc, argv, lesson);
}
