// Wrong: two updaters read, change and write, and neither holds a lock.
//
// They do not even change the same key. But each saves the whole file, and so
// the other's key as it was when it was read: what is saved first is lost. No
// file is torn, and each updater did what it said. The order is arranged here.

#include <fmt/format.h>

#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/config_watcher/configuration.h"

namespace {

void raise_cache_size(const std::string& file) {
  auto config = from_json(ipc::read_file(file).value()).value();
  ipc::point("has read");  // Missing: a lock, from before the read.
  ++config.cache_size_mb;
  ipc::replace_file(file, to_json(config));
  ipc::say("Raised the cache size 1 times");
}

void raise_timeout(const std::string& file) {
  auto config = from_json(ipc::read_file(file).value()).value();
  ipc::point("has read");
  ++config.timeout_seconds;
  ipc::replace_file(file, to_json(config));
  ipc::say("Raised the timeout 1 times");
}

std::string describe_sums(const std::string& file) {
  const auto config = from_json(ipc::read_file(file).value()).value();
  return fmt::format("cache size {} MB, timeout {} seconds",
                     config.cache_size_mb, config.timeout_seconds);
}

// What the explorer plays in every order.
std::string two_updaters(ipc::Schedule& schedule) {
  const ipc::TempDir folder("config_watcher");
  const std::string file = folder.file("app_config.json");
  ipc::replace_file(file, to_json({}));
  schedule.add("Updater 1", [&] { raise_cache_size(file); });
  schedule.add("Updater 2", [&] { raise_timeout(file); });
  schedule.run();
  return describe_sums(file);
}

std::string lesson() {
  const ipc::TempDir folder("config_watcher");
  const std::string file = folder.file("app_config.json");
  ipc::replace_file(file, to_json({}));
  ipc::say("At first: {}", describe_sums(file));
  ipc::Schedule schedule(true);
  schedule.add("Updater 1", [&] { raise_cache_size(file); });
  schedule.add("Updater 2", [&] { raise_timeout(file); });
  std::string problem = schedule.play("ABAB");
  ipc::say("In the end: {}", describe_sums(file));
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lost_update", "A program follows its configuration file.");
  lab.explores("two updaters", two_updaters);
  return lab.run(argc, argv, lesson);
}
