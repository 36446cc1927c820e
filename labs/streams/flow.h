// Act 2 of the lab: a fast source, a slow sink, and what is on its way.
#pragma once

#include <atomic>
#include <string>

#include "common/sync/event.h"
#include "labs/streams/stream.h"

struct Flow {
  int items = 0;                   // What the source sends.
  int room = 0;                    // What may be on its way at the same time.
  std::atomic<int> on_its_way{0};  // Sent, and the sink is not done with it.
  std::atomic<int> most{0};        // The most that ever were on their way.
  ipc::Event is_full;              // There is room for no more.
};

inline constexpr int kItemBytes = 16 * 1024;

ipc::Stage send_fast(Flow& flow);
ipc::Stage relay(const Flow& flow);
ipc::Stage take_slowly(Flow& flow);
