#include "labs/file_ipc/actors.h"

#include <signal.h>

#include <stdexcept>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/files/atomic_file.h"
#include "common/files/file_watcher.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/file_ipc/data_point.h"

namespace {

constexpr double kPauseS = 1.0;
constexpr double kPatienceS = 20.0;

// A file does not end when its writer dies, so waiting needs an end of its own.
void wait_for_change(ipc::FileWatcher& watcher, const char* what) {
  const double limit_s = ipc::paced_s(kPauseS) + kPatienceS * ipc::time_scale();
  if (!watcher.wait_until(ipc::Deadline::after(limit_s))) {  // [wait]
    throw std::runtime_error(std::string("waited in vain for ") + what);
  }
}

}  // namespace

void write_points(const Files& files, int count) {
  ipc::say("Starting up");
  ipc::FileWatcher watcher(files.acknowledged);
  for (int i = 0; i < count; ++i) {
    ipc::say("Wrote data point {}", i);  // Said before it can be received.
    ipc::event(ipc::EventKind::send, "data.json", std::to_string(i));
    ipc::replace_file(files.data, to_json({i, i * 10}));  // [replace]
    ipc::point("has written");
    while (ipc::read_file(files.acknowledged) != std::to_string(i)) {
      wait_for_change(watcher, "an acknowledgement");  // [acknowledged]
    }
    ipc::pause_s(kPauseS);
  }
  ipc::say("Finished");
  ipc::replace_file(files.data, to_json({count, 0, true}));
}

std::string read_points(const Files& files, int dies_at) {
  ipc::say("Starting up");
  ipc::FileWatcher watcher(files.data);
  // What an earlier reader has acknowledged is not new.
  int last = std::stoi(ipc::read_file(files.acknowledged).value_or("-1"));
  std::string received;
  while (true) {
    wait_for_change(watcher, "a data point");
    ipc::point("was told");
    const auto text = ipc::read_file(files.data);
    if (!text) continue;
    const auto point = from_json(*text);
    if (!point) throw std::runtime_error("half a data point: " + *text);
    if (point->iteration == last) continue;  // [number] A notice proves little.
    if (point->iteration != last + 1) throw std::runtime_error("one is lost");
    if (point->is_last) break;
    last = point->iteration;
    ipc::event(ipc::EventKind::receive, "data.json", std::to_string(last));
    ipc::say("Received data point {}: {}", last, point->value);  // [receive]
    received += std::to_string(last) + " ";
    ipc::point("has received");
    if (last == dies_at) ::raise(SIGKILL);                        // [dies]
    ipc::replace_file(files.acknowledged, std::to_string(last));  // [tell]
  }
  ipc::say("Received completion signal");
  ipc::say("Finished");
  return received + "and the end";
}

void come_late(const Files& files) {
  const auto last = from_json(ipc::read_file(files.data).value());
  const auto acknowledged = ipc::read_file(files.acknowledged);  // [late]
  ipc::say("{} were written, {} received", last.value().iteration,
           std::stoi(acknowledged.value_or("-1")) + 1);
}
