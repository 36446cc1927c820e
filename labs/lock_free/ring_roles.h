// What the processes at the two ends of the ring do, and how they wait.
#pragma once

#include <stdint.h>

#include "common/channel/ring.h"

// How many items the ring has room for, and so its number of slots.
inline constexpr uint64_t kRoom = 4;

// Puts the items from the tail on, up to `item_count`. With `dies_when_full` it
// is killed as soon as there is no room.
// Blocks: while there is no room, but 30 s times time_scale() at most.
// Errors: std::runtime_error after that.
void produce(ipc::SpscRing& ring, int item_count, bool dies_when_full);

// Takes `item_count` items, and waits for each as produce() does. Errors:
// std::runtime_error after that, and if one item more is there.
void consume(ipc::SpscRing& ring, int item_count);
