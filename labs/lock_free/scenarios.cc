#include "labs/lock_free/scenarios.h"

#include <stddef.h>
#include <stdint.h>

#include <optional>

#include "common/channel/ring.h"
#include "common/memory/shared.h"
#include "labs/lock_free/flags.h"

namespace {

std::optional<uint32_t> take_slot(SlotBoard& board) {
  const std::optional<uint32_t> slot = board.free.take();
  if (slot) ++board.owners.at(*slot);
  return slot;
}

void take_two_and_give_one_back(SlotBoard& board) {
  const auto first = take_slot(board);
  (void)take_slot(board);
  if (!first) return;
  --board.owners.at(*first);
  board.free.give_back(*first);
}

}  // namespace

std::string SlotBoard::verdict() const {
  for (uint32_t slot = 0; slot < owners.size(); ++slot) {
    const std::string name = "Slot " + std::to_string(slot);
    if (owners.at(slot) > 1) return name + " has two owners";
    if ((owners.at(slot) == 1) == free.is_free(slot)) {
      return name +
             (free.is_free(slot) ? " is free and has an owner" : " is lost");
    }
  }
  return "No slot has two owners";
}

void add_workers(ipc::Schedule& schedule, Counter& counter, int count) {
  schedule.show("counter", [&] { return counter.text(); });
  for (int i = 0; i < count; ++i) {
    schedule.add("Worker " + std::to_string(i),
                 [&] { increment(counter, true); });
  }
}

void add_takers(ipc::Schedule& schedule, SlotBoard& board) {
  schedule.add("Worker 0", [&] {
    (void)take_slot(board);
    (void)take_slot(board);
  });
  schedule.add("Worker 1", [&] { take_two_and_give_one_back(board); });
}

std::string explore_ring(ipc::Schedule& schedule) {
  constexpr int kTries = 3;
  ipc::SpscRing ring(1, sizeof(int));
  const ipc::Shared<std::atomic<int>> good(0);
  schedule.add("Producer", [&] {
    int next = 0;
    for (int i = 0; i < kTries; ++i) next += ring.try_put(&next) ? 1 : 0;
  });
  schedule.add("Consumer", [&] {
    int item = -1;
    for (int i = 0; i < kTries; ++i) {
      if (ring.try_get(&item) && item == *good) ++*good;
    }
  });
  schedule.run();
  const auto taken = static_cast<int>(ring.head());
  return std::to_string(*good) + " good of " + std::to_string(taken);
}

ipc::Scenario explore_counter(const int& worker_count) {
  return [&worker_count](ipc::Schedule& schedule) {
    const ipc::Shared<Counter> counter;
    add_workers(schedule, *counter, worker_count);
    schedule.run();
    return counter->text();
  };
}

std::string explore_slots(ipc::Schedule& schedule) {
  const ipc::Shared<SlotBoard> board;
  add_takers(schedule, *board);
  schedule.run();
  return board->verdict();
}

std::string explore_flags(ipc::Schedule& schedule) {
  const ipc::Shared<Flags> flags;
  for (const size_t side : {0, 1}) {
    schedule.add("Side " + std::to_string(side), [&, side] {
      flags->sides.at(side).saw.at(1) = raise_and_look(*flags, side, 1);
    });
  }
  schedule.run();
  return count_misses(*flags, 1) == 0 ? "one has seen the other" : "neither";
}
