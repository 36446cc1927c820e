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

constexpr int kItems = 2;

// There is room for one item.
struct Ring {
  std::atomic<unsigned> tail{0};
  std::atomic<unsigned> head{0};
  std::atomic<int> slot{-1};
};

void produce(Ring& ring) {
  for (int item = 0; item < kItems; ++item) {
    if (item > 0) ipc::point("has put one");
    const unsigned tail = ring.tail.load();
    if (tail != ring.head.load()) return;  // It is full.
    ring.slot.store(item);
    ipc::say("Put item {} into slot 0", item);
    ring.tail.store(tail + 1);
  }
}

void consume(Ring& ring, std::atomic<int>& got) {
  if (ring.tail.load() == ring.head.load()) return;
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
  return *got == -1 ? "nothing" : "item " + std::to_string(*got);
}

std::string lesson() {
  const ipc::Shared<Ring> ring;
  const ipc::Shared<std::atomic<int>> got(-1);
  ipc::Schedule schedule(true);
  add_both(schedule, *ring, *got);
  return schedule.play("ABAB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("free_first", "What processes can share without a lock.");
  lab.explores("ring", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
