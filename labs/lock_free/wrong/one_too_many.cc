// Wrong: the ring is taken to be full if there is one item more than it has
// room for.
//
// The last of them overwrites the first, which was not taken yet.

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

constexpr unsigned kRoom = 2;
constexpr int kItems = 3;

struct Ring {
  std::atomic<unsigned> tail{0};
  std::atomic<unsigned> head{0};
  std::array<std::atomic<int>, kRoom> slots{};
};

void produce(Ring& ring) {
  for (int item = 0; item < kItems; ++item) {
    if (item > 0) ipc::point("has put one");
    const unsigned tail = ring.tail.load();
    if (tail - ring.head.load() > kRoom) return;  // Should be >=.
    ring.slots.at(tail % kRoom).store(item);
    ipc::say("Put item {} into slot {}", item, tail % kRoom);
    ring.tail.store(tail + 1);
  }
}

void consume(Ring& ring, std::atomic<int>& got) {
  const unsigned head = ring.head.load();
  if (ring.tail.load() == head) return;
  got = ring.slots.at(head % kRoom).load();
  ring.head.store(head + 1);
  ipc::say("Got item {} from slot {}", got.load(), head % kRoom);
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
  return schedule.play("AAAB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("one_too_many", "What processes can share without a lock.");
  lab.explores("ring", explore, {.memory_only = true});
  return lab.run(argc, argv, lesson);
}
