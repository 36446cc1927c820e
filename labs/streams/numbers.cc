#include "labs/streams/numbers.h"

#include <signal.h>

#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/report/report.h"

using ipc::Inlet;
using ipc::Outlet;

namespace {

constexpr double kPauseS = 0.1;
constexpr int kSaidMax = 12;  // How many of the numbers the source says.

// Called for each item, by each stage in its own process.
void count_item(const std::string& killed) {
  static int count = 0;
  if (++count != kLastItem || ipc::process_name() != killed) return;
  ipc::say("Item {} is the last one for me", count);
  ::raise(SIGKILL);
}

void generate(Outlet& out, int count, const std::string& killed) {
  for (int i = 1; i <= count; ++i) {
    count_item(killed);
    if (i <= kSaidMax) {
      ipc::say("Sending {}", i);
      ipc::pause_s(kPauseS);
    }
    if (!out.put(std::to_string(i))) {  // [refused]
      ipc::say("The next stage takes no more");
      return;
    }
  }
  ipc::say("That was all");
}

void collect(Inlet& in, const std::string& killed) {
  while (const auto item = in.next()) {  // [next]
    count_item(killed);
    ipc::say("Got {}", *item);
  }
  ipc::say("End of the stream");
}

}  // namespace

void add_stages(ipc::Pipeline& pipeline, int count, const std::string& killed) {
  pipeline.add("Source",
               [=](Inlet&, Outlet& out) { generate(out, count, killed); });
  pipeline.add("Square", ipc::map_items([=](const std::string& item) {
                 count_item(killed);
                 return std::to_string(std::stoll(item) * std::stoll(item));
               }));
  pipeline.add("Evens", ipc::filter_items([=](const std::string& item) {
                 count_item(killed);
                 return std::stoll(item) % 2 == 0;
               }));
  pipeline.add("Window", ipc::window_items(2, [=](const auto& items) {
                 count_item(killed);
                 return fmt::format("{} + {}", items.front(), items.back());
               }));
  pipeline.add("Sink", [=](Inlet& in, Outlet&) { collect(in, killed); });
}
