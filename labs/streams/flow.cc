#include "flow.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "common/report/report.h"

using ipc::Inlet;
using ipc::Outlet;
using ipc::Stage;

namespace {

// What this process has in memory, shared or its own; see proc(5), "statm".
long resident_kib() {
  long all_pages = 0;
  long resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  return resident_pages * ::sysconf(_SC_PAGESIZE) / 1024;
}

}  // namespace

Stage send_fast(Flow& flow) {
  return [&](Inlet&, Outlet& out) {
    const std::string item(kItemBytes, 'x');
    for (int i = 0; i < flow.items && out.put(item); ++i) {  // [put]
      const int now = ++flow.on_its_way;
      flow.most = std::max(now, flow.most.load());
      if (now < flow.room || flow.is_full.is_set()) continue;
      ipc::say("{} items are on their way, the next one has to wait", now);
      flow.is_full.set();
    }
    flow.is_full.set();  // If there are too few items.
    ipc::say("Sent {} items; at most {} were on their way, {} have room",
             flow.items, flow.most.load(), flow.room);
  };
}

Stage relay(const Flow& flow) {
  return [&](Inlet& in, Outlet& out) {
    const long before_kib = resident_kib();
    while (const auto item = in.next()) {
      if (!out.put(*item)) return;
    }
    ipc::say("Memory: {} KiB went through, and it grew by {} KiB",
             flow.items * (kItemBytes / 1024), resident_kib() - before_kib);
  };
}

Stage take_slowly(Flow& flow) {
  return [&](Inlet& in, Outlet&) {
    bool is_first = true;
    while (in.next()) {
      if (is_first) {
        is_first = false;
        ipc::say("Got the first item, and wait until there is no more room");
        flow.is_full.wait();
      }
      --flow.on_its_way;  // Done with it, before the next one is taken.
    }
    ipc::say("End of the stream");
  };
}
