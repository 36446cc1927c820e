// Wrong: the updater changes the file in place, and the monitor polls.
//
// A monitor that polls may look at any moment, even when the file is half
// written. Then it reports invalid JSON, although the updater made no mistake.
// The order is arranged here.

#include <fstream>
#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/config_watcher/configuration.h"

namespace {

void make_update(const std::string& path) {
  const std::string text = to_json({"Example App"});
  ipc::say("Wrote initial configuration");
  std::ofstream file(path);
  file << text.substr(0, text.size() / 2) << std::flush;
  ipc::point("in the middle");
  file << text.substr(text.size() / 2) << std::flush;
}

// Says what is in the file, if that is new.
void look(const std::string& path, std::string& last) {
  const std::string text = ipc::read_file(path).value_or("");
  if (text == last) return;
  last = text;
  if (const auto config = from_json(text)) {
    say_changed(*config);
  } else {
    ipc::say("Config file has invalid JSON format; log level stays INFO");
  }
}

void monitor(const std::string& path) {
  std::string last;
  look(path, last);
  ipc::point("between two looks");
  look(path, last);
}

std::string lesson() {
  const ipc::TempDir folder("config_watcher");
  const std::string path = folder.file("app_config.json");
  ipc::Schedule schedule(true);
  schedule.add("Updater", [&] { make_update(path); });
  schedule.add("Monitor", [&] { monitor(path); });
  return schedule.play("ABAB");
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("writes_in_place", "A program follows its configuration file.");
  return lab.run(argc, argv, lesson);
}
