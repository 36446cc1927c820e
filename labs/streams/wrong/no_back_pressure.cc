// Wrong: there is room for everything between two stages. The source is never
// held up, and what the sink does not take in time piles up in memory.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/streams/stream.h"

namespace {

constexpr int kItems = 2000;
constexpr int kRoom = 8;  // What should be on its way at most.
constexpr uint32_t kItemsBetween = 1'000'000;
constexpr double kSlowS = 2;

std::string lesson() {
  const ipc::Shared<std::atomic<int>> on_its_way(0);
  const ipc::Shared<ipc::Event> all_sent;
  ipc::Pipeline pipeline(kItemsBetween);
  pipeline.add("Source", [&](ipc::Inlet&, ipc::Outlet& out) {
    int most = 0;
    for (int i = 0; i < kItems && out.put("x"); ++i) {
      most = std::max(most, ++*on_its_way);
    }
    ipc::say("Sent {} items; at most {} were on their way, {} have room",
             kItems, most, kRoom);
    all_sent->set();
  });
  pipeline.add("Relay", ipc::map_items([](const auto& item) { return item; }));
  const auto slow = ipc::Deadline::after(kSlowS * ipc::time_scale());
  pipeline.add("Sink", [&](ipc::Inlet& in, ipc::Outlet&) {
    while (in.next()) {
      (void)all_sent->wait_until(slow);  // It is slow with the first one.
      --*on_its_way;
    }
  });
  const auto end = pipeline.run();
  return end ? "" : end.stage + ": " + end.reason;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_back_pressure", "A pipeline of processes.");
  return lab.run(argc, argv, lesson);
}
