// Act 3 of the lab: many changes at once, and a subscriber that is busy.
#pragma once

#include "common/sync/event.h"
#include "labs/reactive/observable.h"

struct Burst {
  ipc::Observable<int> value;
  ipc::Event is_busy;  // Slow has seen the first value.
  ipc::Event is_over;  // All values are published.
};

// Publishes 1, and while Slow is busy with it 2 to `count`; then it is killed.
void publish_burst(Burst& burst, int count);

void watch_slowly(Burst& burst);
