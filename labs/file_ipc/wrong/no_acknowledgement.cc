// Wrong: the writer does not wait until a data point has been received.
//
// A file holds one content. What nobody has read is gone with the next write,
// and a pause between writes only makes it less likely. Here the reader is late
// for all of them: each file is whole, and all data points are lost.

#include <atomic>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/explorer.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/file_ipc/data_point.h"

namespace {

constexpr int kPointCount = 5;

void write_points(const std::string& data, const std::string& status,
                  int count) {
  for (int i = 0; i < count; ++i) {
    ipc::say("Wrote data point {}", i);
    ipc::replace_file(data, to_json({i, i * 10}));
    ipc::replace_file(status, "READY");
    ipc::point("is ready");
    // Missing: wait until the reader has acknowledged data point i.
  }
  ipc::replace_file(status, "DONE");
  ipc::say("Finished");
}

// Returns how many it has received.
int read_points(const std::string& data, const std::string& status) {
  int received = 0;
  if (ipc::read_file(status) == "READY") {
    ipc::point("has looked");
    const auto point = from_json(*ipc::read_file(data));
    ipc::say("Received data point {}: {}", point->iteration, point->value);
    ++received;
  }
  if (ipc::read_file(status) == "DONE") {
    ipc::say("Received completion signal");
  }
  ipc::say("Finished");
  return received;
}

// What the explorer plays in every order: two data points.
std::string two_points(ipc::Schedule& schedule) {
  const ipc::TempDir folder("file_ipc");
  const std::string data = folder.file("data.json");
  const std::string status = folder.file("status.txt");
  const ipc::Shared<std::atomic<int>> received(0);
  schedule.add("Writer", [&] { write_points(data, status, 2); });
  schedule.add("Reader", [&] { *received = read_points(data, status); });
  schedule.run();
  return std::to_string(2 - *received) + " of 2 data points lost";
}

std::string lesson() {
  const ipc::TempDir folder("file_ipc");
  const std::string data = folder.file("data.json");
  const std::string status = folder.file("status.txt");
  ipc::Process writer("Writer",
                      [&] { write_points(data, status, kPointCount); });
  if (writer.join() != 0) return "the writer failed";
  ipc::Process reader("Reader", [&] { (void)read_points(data, status); });
  if (reader.join() != 0) return "the reader failed";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_acknowledgement", "Data points that nobody waits for.");
  lab.explores("two data points", two_points);
  return lab.run(argc, argv, lesson);
}
