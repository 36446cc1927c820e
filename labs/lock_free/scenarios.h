// Scenarios that are played in one given order, or in every order.
#pragma once

#include <array>
#include <atomic>
#include <string>

#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "labs/lock_free/counter.h"
#include "labs/lock_free/slots.h"

// The slots, and how many processes believe that a slot is theirs.
struct SlotBoard {
  FreeSlots free;
  std::array<std::atomic<int>, FreeSlots::kCount> owners{};

  [[nodiscard]] std::string verdict() const;
};

// Each worker increments the counter once.
void add_workers(ipc::Schedule& schedule, Counter& counter, int count);

// Worker 0 takes two slots; worker 1 takes two and gives back the first.
void add_takers(ipc::Schedule& schedule, SlotBoard& board);

// For the explorer. The ring has room for one item; each side has three tries.
std::string explore_ring(ipc::Schedule& schedule);
ipc::Scenario explore_counter(const int& worker_count);
std::string explore_slots(ipc::Schedule& schedule);
std::string explore_flags(ipc::Schedule& schedule);
