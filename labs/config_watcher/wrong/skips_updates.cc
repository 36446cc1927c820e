// Wrong: believes that a monitor sees every update.
//
// The file holds one content. What was replaced before the monitor looked again
// is never seen: neither with polling nor with inotify, which reports that the
// file has changed, but not how often. The order is arranged here.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "common/sync/semaphore.h"
#include "labs/config_watcher/configuration.h"

namespace {

void make_updates(const std::string& path,
                  [[maybe_unused]] ipc::Semaphore& seen) {
  Configuration config{"Example App"};
  ipc::say("Wrote initial configuration");
  ipc::replace_file(path, to_json(config));
  ipc::point("before update 1");
  config.log_level = "DEBUG";
  ipc::say("Made update 1");
  ipc::replace_file(path, to_json(config));
  // Missing: wait until the monitor has seen it.
  config.log_level = "WARNING";
  ipc::say("Made update 2");
  ipc::replace_file(path, to_json(config));
}

// Looks three times. For each change it says what is new and releases `seen`.
void monitor(const std::string& path, ipc::Semaphore& seen) {
  std::string last;
  for (int look = 1; look <= 3; ++look) {
    if (look > 1) ipc::point("between two looks");
    const std::string text = ipc::read_file(path).value();
    if (text == last) continue;
    last = text;
    say_changed(*from_json(text));
    seen.release();
  }
}

std::string lesson() {
  const ipc::TempDir folder("config_watcher");
  const std::string path = folder.file("app_config.json");
  const ipc::Shared<ipc::Semaphore> seen(0U);
  ipc::Schedule schedule(true);
  schedule.add("Updater", [&] { make_updates(path, *seen); });
  schedule.add("Monitor", [&] { monitor(path, *seen); });
  return schedule.play("ABABB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("skips_updates", "A program follows its configuration file.");
  return lab.run(argc, argv, lesson);
}
