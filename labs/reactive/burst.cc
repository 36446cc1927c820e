#include "burst.h"

#include <signal.h>

#include <cstdint>

#include "common/report/report.h"
#include "graph.h"

void publish_burst(Burst& burst, int count) {
  burst.value.begin();
  burst.value.publish(1, 1);
  burst.is_busy.wait();
  for (int i = 2; i <= count; ++i) {
    burst.value.publish(static_cast<uint64_t>(i), i);  // [burst]
  }
  ipc::say("Published 1 to {}, and waited for nobody", count);
  burst.is_over.set();
  ::raise(SIGKILL);
}

void watch_slowly(Burst& burst) {
  ipc::Subscription<int> values(burst.value);
  auto seen = values.next_until(patience());
  for (; seen; seen = values.next_until(patience())) {  // [next]
    ipc::say("Saw {}; {} were replaced before that", seen.value,
             values.missed());
    burst.is_busy.set();
    burst.is_over.wait();
  }
  ipc::say("The newest is still {}; its publisher: {}", seen.value,
           describe(seen.status));
}
