// Wrong: the writer changes the file in place.
//
// Opening the file empties it, and the new content comes piece by piece. A
// reader that reads in between gets a part of a data point. The order is
// arranged here; without pauses the guide's example meets it within nine data
// points.

#include <fstream>
#include <string>

#include "common/base/hooks.h"
#include "common/channel/queue.h"
#include "common/explore/explorer.h"
#include "common/explore/schedule.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/file_ipc/data_point.h"

namespace {

constexpr int kPieceBytes = 20;

void write_point(const std::string& path) {
  const std::string text = to_json({0, 0});
  std::ofstream file(path);
  file << text.substr(0, kPieceBytes) << std::flush;
  ipc::point("in the middle");
  file << text.substr(kPieceBytes) << std::flush;
  ipc::say("Wrote data point 0");
}

// Returns what it has seen.
std::string read_point(const std::string& path) {
  const std::string text = ipc::read_file(path).value_or("");
  if (const auto point = from_json(text)) {
    ipc::say("Received data point {}: {}", point->iteration, point->value);
    return "all of it";
  }
  if (text.empty()) return "nothing";
  ipc::say("Half a data point: {}", text);
  return "half of it";
}

// What the explorer plays in every order.
std::string one_point(ipc::Schedule& schedule) {
  const ipc::TempDir folder("file_ipc");
  const std::string path = folder.file("data.json");
  ipc::Queue seen(1);
  schedule.show("data.json",
                [&] { return ipc::read_file(path).value_or("none"); });
  schedule.add("Writer", [&] { write_point(path); });
  schedule.add("Reader", [&] { ipc::ensure(seen.put(read_point(path))); });
  schedule.run();
  return "saw " + *seen.get();
}

std::string lesson() {
  const ipc::TempDir folder("file_ipc");
  const std::string path = folder.file("data.json");
  ipc::Schedule schedule(true);
  schedule.add("Writer", [&] { write_point(path); });
  schedule.add("Reader", [&] {
    const bool has_it = read_point(path) == "all of it";
    ipc::point("before reading again");
    if (!has_it) (void)read_point(path);
  });
  return schedule.play("ABAB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("naive_overwrite", "Data points handed over through files.");
  lab.explores("one data point", one_point);
  return lab.run(argc, argv, lesson);
}
