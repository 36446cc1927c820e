// file_ipc: a writer hands data points to a reader, through two files.
//
//   Writer ---- data.json ----> Reader       each file has one writer, is
//          <-- acknowledged ---              replaced as a whole, and says
//                                            which data point it is about
//
// Watch for: nobody sleeps in order to be in time. The pause of the writer is
// work; take it away with --pace=0, and still nothing is lost.
// Try: --reader-dies-at=2, and find the data point that is received twice.

#include <signal.h>

#include <stdexcept>
#include <string>

#include "common/atomic_file.h"
#include "common/clock.h"
#include "common/file_watcher.h"
#include "common/lab.h"
#include "common/names.h"
#include "common/process.h"
#include "common/report.h"
#include "labs/file_ipc/data_point.h"

namespace {

constexpr double kPauseS = 1.0;
constexpr double kPatienceS = 20.0;

int point_count = 5;
int reader_dies_at = -1;

struct Files {
  ipc::TempDir folder{"file_ipc"};
  std::string data = folder.file("data.json");             // Of the writer.
  std::string acknowledged = folder.file("acknowledged");  // Of the reader.
};

// A file does not end when its writer dies, so waiting needs an end of its own.
void wait_for_change(ipc::FileWatcher& watcher, const char* what) {
  const double limit_s = ipc::paced_s(kPauseS) + kPatienceS * ipc::time_scale();
  if (!watcher.wait_until(ipc::Deadline::after(limit_s))) {  // [wait]
    throw std::runtime_error(std::string("waited in vain for ") + what);
  }
}

void write_points(const Files& files) {
  ipc::say("Starting up");
  ipc::FileWatcher watcher(files.acknowledged);
  for (int i = 0; i < point_count; ++i) {
    ipc::say("Wrote data point {}", i);  // Said before it can be received.
    ipc::event(ipc::EventKind::send, "data.json", std::to_string(i));
    ipc::replace_file(files.data, to_json({i, i * 10}));  // [replace]
    while (ipc::read_file(files.acknowledged) != std::to_string(i)) {
      wait_for_change(watcher, "an acknowledgement");  // [acknowledged]
    }
    ipc::pause_s(kPauseS);
  }
  ipc::say("Finished");
  ipc::replace_file(files.data, to_json({point_count, 0, true}));
}

void read_points(const Files& files, bool dies) {
  ipc::say("Starting up");
  ipc::FileWatcher watcher(files.data);
  // What an earlier reader has acknowledged is not new.
  int last = std::stoi(ipc::read_file(files.acknowledged).value_or("-1"));
  while (true) {
    wait_for_change(watcher, "a data point");
    const auto text = ipc::read_file(files.data);
    if (!text) continue;
    const auto point = from_json(*text);
    if (!point) throw std::runtime_error("half a data point: " + *text);
    if (point->iteration == last) continue;  // [number] A notice is no proof.
    if (point->iteration != last + 1) throw std::runtime_error("one is lost");
    if (point->is_last) break;
    last = point->iteration;
    ipc::event(ipc::EventKind::receive, "data.json", std::to_string(last));
    ipc::say("Received data point {}: {}", last, point->value);
    if (dies && last == reader_dies_at) ::raise(SIGKILL);
    ipc::replace_file(files.acknowledged, std::to_string(last));  // [tell]
  }
  ipc::say("Received completion signal");
  ipc::say("Finished");
}

std::string lesson() {
  const Files files;
  ipc::Process writer("Writer", [&] { write_points(files); });
  ipc::Process reader("Reader", [&] { read_points(files, true); });
  if (reader.join() == -SIGKILL && reader_dies_at >= 0) {
    ipc::say("The reader was killed, its successor finds the files");
    reader = ipc::Process("Reader", [&] { read_points(files, false); });
  }
  if (reader.join() != 0) return "the reader failed";
  if (writer.join() != 0) return "the writer failed";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("file_ipc", "Data points handed over through files.");
  lab.option("--points", point_count, 0, 10000, "data points to hand over");
  lab.option("--reader-dies-at", reader_dies_at, -1, 10000,
             "kill the reader there");
  return lab.run(argc, argv, lesson);
}
