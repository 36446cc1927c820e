// Wrong: the writer does not wait until a data point has been received.
//
// A file holds one content. What nobody has read is gone with the next write,
// and a pause between writes only makes it less likely. Here the reader is late
// for all of them: each file is whole, and all data points are lost.

#include <string>

#include "common/atomic_file.h"
#include "common/lab.h"
#include "common/names.h"
#include "common/process.h"
#include "common/report.h"
#include "labs/file_ipc/data_point.h"

namespace {

constexpr int kPointCount = 5;

void write_points(const std::string& data, const std::string& status) {
  for (int i = 0; i < kPointCount; ++i) {
    ipc::say("Wrote data point {}", i);
    ipc::replace_file(data, to_json({i, i * 10}));
    ipc::replace_file(status, "READY");
    // Missing: wait until the reader has acknowledged data point i.
  }
  ipc::replace_file(status, "DONE");
  ipc::say("Finished");
}

void read_points(const std::string& data, const std::string& status) {
  if (ipc::read_file(status) == "READY") {
    const auto point = from_json(*ipc::read_file(data));
    ipc::say("Received data point {}: {}", point->iteration, point->value);
  }
  if (ipc::read_file(status) == "DONE") {
    ipc::say("Received completion signal");
  }
  ipc::say("Finished");
}

std::string lesson() {
  const ipc::TempDir folder("file_ipc");
  const std::string data = folder.file("data.json");
  const std::string status = folder.file("status.txt");
  ipc::Process writer("Writer", [&] { write_points(data, status); });
  if (writer.join() != 0) return "the writer failed";
  ipc::Process reader("Reader", [&] { read_points(data, status); });
  if (reader.join() != 0) return "the reader failed";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_acknowledgement", "Data points that nobody waits for.");
  return lab.run(argc, argv, lesson);
}
