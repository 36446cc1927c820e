// Wrong: a worker looks whether a slot is free, and then stores that it is not.
//
// That is what a compare-and-swap does, but in two steps. Another worker may
// look in between, and then the slot is claimed by both.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

struct Slot {
  std::atomic<bool> is_taken{false};
  std::atomic<int> owners{0};

  [[nodiscard]] std::string verdict() const {
    return owners > 1 ? "Slot 0 has two owners" : "No slot has two owners";
  }
};

void claim(Slot& slot) {
  if (slot.is_taken.load()) return;
  ipc::point("has found it free");
  slot.is_taken.store(true);
  ++slot.owners;
  ipc::say("Took slot 0");
}

void add_workers(ipc::Schedule& schedule, Slot& slot) {
  schedule.add("Worker 0", [&] { claim(slot); });
  schedule.add("Worker 1", [&] { claim(slot); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Slot> slot;
  add_workers(schedule, *slot);
  schedule.run();
  return slot->verdict();
}

std::string lesson() {
  const ipc::Shared<Slot> slot;
  ipc::Schedule schedule(true);
  add_workers(schedule, *slot);
  std::string problem = schedule.play("ABAB");
  ipc::say("{}", slot->verdict());
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("check_then_claim", "What processes can share without a lock.");
  lab.explores("slots", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
