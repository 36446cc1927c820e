// Wrong: the tail is stored before the item is written.
//
// Both are stored, and by the only process that may. But as soon as the tail
// says that there is an item, the consumer may come for it.

#include <array>
#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

struct Ring {
  std::atomic<unsigned> tail{0};
  std::atomic<unsigned> head{0};
  std::atomic<int> slot{-1};
};

void produce(Ring& ring) {
  ring.tail.store(1);
  ipc::say("Put item 0 into slot 0");
  ipc::point("published");
  ring.slot.store(0);
}

void consume(Ring& ring, std::atomic<int>& got) {
  if (ring.tail.load() == ring.head.load()) return;
  got = ring.slot.load();
  ring.head.store(1);
  ipc::say("Got item {} from slot 0", got.load());
}

void add_both(ipc::Schedule& schedule, Ring& ring, std::atomic<int>& got) {
  schedule.add("Producer", [&] { produce(ring); });
  schedule.add("Consumer", [&] { consume(ring, got); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Ring> ring;
  const ipc::Shared<std::atomic<int>> got(-2);
  add_both(schedule, *ring, *got);
  schedule.run();
  return *got == -2 ? "nothing" : "item " + std::to_string(*got);
}

std::string lesson() {
  const ipc::Shared<Ring> ring;
  const ipc::Shared<std::atomic<int>> got(-2);
  ipc::Schedule schedule(true);
  add_both(schedule, *ring, *got);
  return schedule.play("ABA");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("publish_first", "What processes can share without a lock.");
  lab.explores("ring", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
