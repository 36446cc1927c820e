// Wrong: the writer does not wait until a data point has been received.
//
// A file holds one content. A data point that was not read is gone with the
// next write, and a pause between writes only makes that less likely. Here the
// reader is late for all of them: each file is whole, but all data points are
// lost.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/files/atomic_file.h"
#include "common/files/file_watcher.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/file_ipc/data_point.h"

namespace {

struct Files {
  ipc::TempDir folder{"file_ipc"};
  std::string data = folder.file("data.json");
  std::string acknowledged = folder.file("acknowledged");
};

void write_points(const Files& files, int count) {
  for (int i = 0; i < count; ++i) {
    ipc::say("Wrote data point {}", i);
    ipc::replace_file(files.data, to_json({i, i * 10}));
    ipc::point("has written");
    // Missing: wait until the reader has acknowledged data point i.
  }
  ipc::say("Finished");
  ipc::replace_file(files.data, to_json({count, 0, true}));
}

// Returns how many it has received.
int read_points(const Files& files) {
  ipc::FileWatcher watcher(files.data);
  int received = 0;
  for (int last = -1;;) {
    watcher.wait();
    const auto text = ipc::read_file(files.data);
    if (!text) continue;
    const auto point = from_json(*text);
    if (point->is_last) break;
    if (point->iteration == last) continue;
    last = point->iteration;
    ipc::say("Received data point {}: {}", last, point->value);
    ++received;
    ipc::replace_file(files.acknowledged, std::to_string(last));
  }
  ipc::say("Received completion signal");
  return received;
}

// What the explorer plays in every order: two data points.
std::string two_points(ipc::Schedule& schedule) {
  const Files files;
  const ipc::Shared<std::atomic<int>> received(0);
  schedule.add("Writer", [&] { write_points(files, 2); });
  schedule.add("Reader", [&] { *received = read_points(files); });
  schedule.run();
  return std::to_string(2 - *received) + " of 2 data points lost";
}

std::string lesson() {
  const Files files;
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write_points(files, 5); });
  schedule.add("Reader", [&] { (void)read_points(files); });
  return schedule.play("AAAAAAB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_acknowledgement", "Data points handed over through files.");
  lab.explores("two data points", two_points);
  return lab.run(argc, argv, lesson);
}
