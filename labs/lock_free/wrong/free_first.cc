// Wrong: the head is stored before the item is copied.
//
// The slot is free then, and the producer may write the next item into it
// before the consumer has read the one that it has come for.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

// There is room for one item, and item 0 is in it.
struct Ring {
  std::atomic<unsigned> tail{1};
  std::atomic<unsigned> head{0};
  std::atomic<int> slot{0};
};

void produce(Ring& ring) {
  if (ring.tail.load() - ring.head.load() == 1) return;
  ring.slot.store(1);
  ipc::say("Put item 1 into slot 0");
  ring.tail.store(2);
}

void consume(Ring& ring, std::atomic<int>& got) {
  ring.head.store(1);
  ipc::point("has freed the slot");
  got = ring.slot.load();
  ipc::say("Got item {} from slot 0", got.load());
}

void add_both(ipc::Schedule& schedule, Ring& ring, std::atomic<int>& got) {
  schedule.add("Producer", [&] { produce(ring); });
  schedule.add("Consumer", [&] { consume(ring, got); });
}

// What the explorer plays in every order.
std::string explore(ipc::Schedule& schedule) {
  const ipc::Shared<Ring> ring;
  const ipc::Shared<std::atomic<int>> got(-1);
  add_both(schedule, *ring, *got);
  schedule.run();
  return "item " + std::to_string(*got);
}

std::string lesson() {
  const ipc::Shared<Ring> ring;
  const ipc::Shared<std::atomic<int>> got(-1);
  ipc::Schedule schedule(true);
  add_both(schedule, *ring, *got);
  return schedule.play("BAB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("free_first", "A slot that is free too early.");
  lab.explores("ring", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
