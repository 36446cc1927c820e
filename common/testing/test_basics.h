// What the tests of all folders of common/ share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <system_error>

#include "common/base/clock.h"
#include "common/process/process.h"

namespace ipc::testing {

// Scales a time to this machine: all times of a test are stretched alike.
inline double scaled(double seconds) { return seconds * time_scale(); }

// Long enough for anything that does not hang.
inline Deadline limit() { return Deadline::after(scaled(20)); }

// The status of a child that must end by itself; it is killed if it does not.
inline int status_of(Process& child) {
  const std::optional<int> status = child.join_until(limit());
  if (status) return *status;
  ADD_FAILURE() << child.name() << " hangs";
  child.kill();
  return child.join();
}

// The errno of the std::system_error that `action` throws; 0 if it throws none.
inline int error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

// How many descriptors this process has, including one for counting them.
inline int open_fd_count() {
  const std::filesystem::directory_iterator fds("/proc/self/fd");
  return static_cast<int>(std::distance(begin(fds), end(fds)));
}

}  // namespace ipc::testing
