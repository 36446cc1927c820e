// The monitor: it looks at the configuration file, and decides when.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "common/sync/semaphore.h"
#include "labs/config_watcher/configuration.h"

inline constexpr double kPollS = 1.0;

// In shared memory.
struct Progress {
  // One permit when the monitor watches, one for each change it has seen.
  ipc::Semaphore seen{0};
  std::atomic<int> looks{0};
};

class Monitor {
 public:
  Monitor(std::string path, Progress& progress);

  // Two ways to follow the file; neither returns.
  [[noreturn]] void poll();
  [[noreturn]] void watch();

  // What it has told of the file: a log level, or "".
  std::string look();

 private:
  std::string path_;
  Progress& progress_;
  size_t last_hash_;
  Configuration current_;
};
