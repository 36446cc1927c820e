// config_watcher: a monitor learns that a configuration file has changed.
//
//   Updater --- saves ---> app_config.json <--- looks --- Monitor
//           <------------- "I have seen it" --------------
//
// Watch for: how often the monitor looks at the file, in act 1 where it polls
// and in act 2 where the kernel tells it; and what it does if the file is
// invalid, or gone. In act 3 two updaters change one file, and neither undoes
// what the other did.
// Try: --pace=0, and compare how often it looked.

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/config_watcher/configuration.h"
#include "labs/config_watcher/editors.h"
#include "labs/config_watcher/monitor.h"
#include "labs/config_watcher/updaters.h"

namespace {

constexpr double kPauseS = 1.0;
constexpr double kPatienceS = 20.0;
constexpr int kRaises = 10;

// The updater waits until the monitor has seen the change, so that no update is
// skipped. Real updaters do not wait, and only their last update is surely
// seen.
void wait_until_seen(Progress& progress) {
  const double limit_s = ipc::paced_s(kPollS) + kPatienceS * ipc::time_scale();
  if (!progress.seen.acquire_until(ipc::Deadline::after(limit_s))) {
    throw std::runtime_error("the monitor does not see the change");
  }
  ipc::pause_s(kPauseS);
}

struct Desk {
  std::string file;
  Progress& progress;

  using Save = void (*)(const std::string& path, const std::string& text);
  void save(const char* what, Save how, const std::string& text) const {
    ipc::say("{}", what);  // Said before it can be seen.
    how(file, text);
    wait_until_seen(progress);
  }
};

void make_updates(const Desk& desk) {
  ipc::say("Will make 3 updates");
  Configuration config{"Example App"};
  desk.save("Wrote initial configuration", save_by_rename, to_json(config));
  config.log_level = "DEBUG";
  config.cache_size_mb = 200;
  desk.save("Made update 1", save_by_rename, to_json(config));
  config.max_connections = 20;
  config.timeout_seconds = 60;
  desk.save("Made update 2", save_by_rename, to_json(config));
  config.app_name = "Super App";
  config.log_level = "WARNING";
  desk.save("Made update 3", save_by_rename, to_json(config));
  ipc::say("Finished making updates");
}

void use_editors(const Desk& desk) {
  Configuration config{"Example App"};
  desk.save("Wrote initial configuration", save_by_rename, to_json(config));
  config.log_level = "DEBUG";
  desk.save("Made update 1, in place", save_in_place, to_json(config));
  desk.save("Made a mistake", save_in_place, "{\"log_level\": ERROR}");
  config.max_connections = 20;
  desk.save("Made update 2, with a new file", save_by_rename, to_json(config));
  config.max_connections = 30;
  desk.save("Made update 3, with a link", save_by_link, to_json(config));
  ipc::say("Removed the file");
  std::filesystem::remove(desk.file);
  wait_until_seen(desk.progress);
  config.max_connections = 40;
  desk.save("Made update 4, with a new file", save_by_rename, to_json(config));
  ipc::say("Finished making updates");
}

// Plays an act: `watch` is the monitor's way, `update` the updater's.
std::string play(void (Monitor::*watch)(),
                 const std::function<void(const Desk&)>& update) {
  const ipc::TempDir folder("config_watcher");
  const ipc::Shared<Progress> progress;
  const Desk desk{folder.file("app_config.json"), *progress};
  ipc::Process monitor("Monitor",
                       [&] { (Monitor(desk.file, *progress).*watch)(); });
  progress->seen.acquire();  // It watches.
  ipc::Process updater("Updater", [&] { update(desk); });
  const int status = updater.join();
  monitor.terminate();
  if (status != 0) return "the updater failed";
  if (monitor.join() != -SIGTERM) return "the monitor failed";
  const int looks = progress->looks;
  ipc::say("Updates complete, the monitor looked {} times", looks);
  return "";
}

void raise_cache_size(const std::string& file, int times) {
  for (int i = 0; i < times; ++i) {
    change_config(file, [](Configuration& config) { ++config.cache_size_mb; });
  }
  ipc::say("Raised the cache size {} times", times);
}

void raise_timeout(const std::string& file, int times) {
  for (int i = 0; i < times; ++i) {
    change_config(file,
                  [](Configuration& config) { ++config.timeout_seconds; });
  }
  ipc::say("Raised the timeout {} times", times);
}

std::string describe_sums(const std::string& file) {
  const auto config = from_json(ipc::read_file(file).value_or("")).value();
  return fmt::format("cache size {} MB, timeout {} seconds",
                     config.cache_size_mb, config.timeout_seconds);
}

// The third act: two updaters and no monitor.
std::string change_together() {
  const ipc::TempDir folder("config_watcher");
  const std::string file = folder.file("app_config.json");
  save_by_rename(file, to_json({}));
  ipc::say("At first: {}", describe_sums(file));
  ipc::Process first("Updater 1", [&] { raise_cache_size(file, kRaises); });
  ipc::Process second("Updater 2", [&] { raise_timeout(file, kRaises); });
  if (first.join() != 0 || second.join() != 0) return "an updater failed";
  ipc::say("In the end: {}", describe_sums(file));
  return "";
}

// What the explorer plays in every order: two changes by one updater, so that
// one of them comes after a rename, and one change by another updater.
std::string two_updaters(ipc::Schedule& schedule) {
  const ipc::TempDir folder("config_watcher");
  const std::string file = folder.file("app_config.json");
  save_by_rename(file, to_json({}));
  schedule.add("Updater 1", [&] { raise_cache_size(file, 2); });
  schedule.add("Updater 2", [&] { raise_timeout(file, 1); });
  schedule.run();
  return describe_sums(file);
}

// What the explorer plays in every order: the monitor looks twice, and the file
// changes twice. The outcome is what the monitor has reported.
std::string two_looks(ipc::Schedule& schedule) {
  const ipc::TempDir folder("config_watcher");
  const std::string file = folder.file("app_config.json");
  const auto level = [&](const char* name) {
    return to_json({.app_name = "Example App", .log_level = name});
  };
  save_by_rename(file, level("INFO"));
  const ipc::Shared<Progress> progress;
  const ipc::Shared<std::array<char, 64>> told;
  schedule.add("Monitor", [&] {
    Monitor monitor(file, *progress);
    std::string all = monitor.look() + " ";
    all += monitor.look();
    std::copy(all.begin(), all.end(), told->begin());
  });
  schedule.add("Updater", [&] {
    save_by_rename(file, level("DEBUG"));
    ipc::point("has saved");
    save_by_rename(file, level("ERROR"));
  });
  schedule.run();
  return told->data();
}

std::string lesson() {
  ipc::say("Act 1: the monitor asks again and again");
  std::string problem = play(&Monitor::poll, make_updates);
  if (!problem.empty()) return problem;
  ipc::say("Act 2: the kernel tells the monitor");
  problem = play(&Monitor::watch, use_editors);
  if (!problem.empty()) return problem;
  ipc::say("Act 3: two updaters change one file");
  problem = change_together();
  if (problem.empty()) ipc::say("All done!");
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("config_watcher", "A program follows its configuration file.");
  lab.explores("two looks", two_looks);
  lab.explores("two updaters", two_updaters);
  return lab.run(argc, argv, lesson);
}
