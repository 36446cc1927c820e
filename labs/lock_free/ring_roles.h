// Who is at the two ends of the ring, and how they wait.
#pragma once

#include <stdint.h>

#include "common/channel/ring.h"

// How many items the ring has room for; so there are as many slots.
inline constexpr uint64_t kRoom = 4;

// Puts the items from the tail on up to `item_count`. If it `dies_when_full`,
// it is killed as soon as there is no room.
void produce(ipc::SpscRing& ring, int item_count, bool dies_when_full);

// Takes `item_count` items, and one more if there is one too many.
void consume(ipc::SpscRing& ring, int item_count);
