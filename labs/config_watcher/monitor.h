// The monitor: it looks at the configuration file, in one of two ways.
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

  // Two ways to follow the file: asking again and again, and waiting for the
  // kernel's notices. Neither returns; a signal ends the process.
  [[noreturn]] void poll();
  [[noreturn]] void watch();

  // Looks at the file once. If it has changed, prints how, and returns the log
  // level that holds now. Returns "" if it has not changed.
  std::string look();

 private:
  std::string path_;
  Progress& progress_;
  size_t last_hash_;
  Configuration current_;
};
