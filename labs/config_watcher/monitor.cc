#include "labs/config_watcher/monitor.h"

#include <functional>
#include <optional>
#include <utility>

#include "common/base/hooks.h"
#include "common/files/atomic_file.h"
#include "common/files/file_watcher.h"
#include "common/lab/lab.h"
#include "common/report/report.h"

namespace {

// Equal contents have equal hashes. A missing file has a hash of its own.
size_t hash_of(const std::optional<std::string>& text) {
  return std::hash<std::optional<std::string>>()(text);
}

}  // namespace

Monitor::Monitor(std::string path, Progress& progress)
    : path_(std::move(path)),
      progress_(progress),
      last_hash_(hash_of(std::nullopt)) {
  ipc::say("Watching app_config.json for changes");
}

std::string Monitor::look() {
  ++progress_.looks;
  const auto text = ipc::read_file(path_);  // [read] Once, for hash and values.
  ipc::point("has read");
  const size_t hash = hash_of(text);
  if (hash == last_hash_) return "";  // [compare]
  last_hash_ = hash;
  if (!text) {
    ipc::say("Config file is gone; log level stays {}", current_.log_level);
  } else if (const auto config = from_json(*text)) {
    current_ = *config;
    say_changed(current_);
  } else {
    ipc::say("Config file has invalid JSON format; log level stays {}",
             current_.log_level);  // [invalid]
  }
  progress_.seen.release();
  return current_.log_level;
}

void Monitor::poll() {
  (void)look();
  progress_.seen.release();
  while (true) {
    ipc::pause_s(kPollS);  // [poll]
    (void)look();
  }
}

void Monitor::watch() {
  ipc::FileWatcher watcher(path_);
  watcher.wait();  // The first notice is about the file as it is now.
  (void)look();
  progress_.seen.release();
  while (true) {
    watcher.wait();  // [watch]
    (void)look();
  }
}
