// Wrong: both processes write the status file.
//
// The writer's DONE comes while the reader is at work, and the reader's
// PROCESSED overwrites it. No process will write again, so the reader waits
// forever. A file should have one writer: then no other process can overwrite
// what it said.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/files/atomic_file.h"
#include "common/files/file_watcher.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "common/sync/event.h"
#include "labs/file_ipc/data_point.h"

namespace {

// These events arrange that order. The guide's example needs a slow reader for
// it, and the explorer finds it without the events.
struct Order {
  ipc::Event received;
  ipc::Event is_done;
};

struct Files {
  ipc::TempDir folder{"file_ipc"};
  std::string data = folder.file("data.json");
  std::string status = folder.file("status.txt");
};

void write_point(const Files& files, Order* order) {
  ipc::say("Wrote data point 0");
  ipc::replace_file(files.data, to_json({0, 0}));
  ipc::replace_file(files.status, "READY");
  if (order != nullptr) order->received.wait();
  ipc::point("is ready");
  ipc::say("Finished");
  ipc::replace_file(files.status, "DONE");
  if (order != nullptr) order->is_done.set();
}

// Returns how many it has received.
int read_points(const Files& files, Order* order) {
  int received = 0;
  ipc::FileWatcher watcher(files.status);
  while (true) {
    watcher.wait();
    const auto status = ipc::read_file(files.status);
    if (status == "DONE") break;
    if (status != "READY") continue;
    const auto point = from_json(*ipc::read_file(files.data));
    ipc::say("Received data point {}: {}", point->iteration, point->value);
    ++received;
    ipc::point("has received");
    if (order != nullptr) {
      order->received.set();
      order->is_done.wait();
    }
    ipc::replace_file(files.status, "PROCESSED");  // Over DONE.
  }
  ipc::say("Received completion signal");
  return received;
}

// What the explorer plays in every order.
std::string one_point(ipc::Schedule& schedule) {
  const Files files;
  const ipc::Shared<std::atomic<int>> received(0);
  schedule.show("status.txt",
                [&] { return ipc::read_file(files.status).value_or("none"); });
  schedule.add("Writer", [&] { write_point(files, nullptr); });
  schedule.add("Reader", [&] { *received = read_points(files, nullptr); });
  schedule.run();
  return std::to_string(1 - *received) + " of 1 data point lost";
}

std::string lesson() {
  const Files files;
  const ipc::Shared<Order> order;
  ipc::Process writer("Writer", [&] { write_point(files, order.get()); });
  ipc::Process reader("Reader", [&] { (void)read_points(files, order.get()); });
  if (writer.join() != 0) return "the writer failed";
  return reader.join() == 0 ? "" : "the reader failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("shared_status", "Data points handed over through files.");
  lab.explores("one data point", one_point);
  return lab.run(argc, argv, lesson);
}
