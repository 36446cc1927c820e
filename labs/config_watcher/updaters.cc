#include "labs/config_watcher/updaters.h"

#include <fcntl.h>
#include <sys/file.h>

#include <stdexcept>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/unique_fd.h"
#include "common/files/atomic_file.h"
#include "labs/config_watcher/editors.h"

namespace {

// The lock is on a file of its own. The configuration's name refers to another
// file after the next rename, and then two updaters would hold two locks.
ipc::UniqueFd lock_config(const std::string& path) {
  const std::string lock = path + ".lock";
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC;
  ipc::UniqueFd fd(ipc::check(::open(lock.c_str(), kFlags, 0600), "open"));
  // In the explorer, this loop waits instead of the kernel.
  if (ipc::Gate* const own = ipc::gate(); own != nullptr) [[unlikely]] {
    const auto is_locked = [&] {
      return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
    };
    if (own->wait_until(is_locked, "lock of the configuration",
                        ipc::Deadline::never().ns())) {
      return fd;
    }
  }
  ipc::check(ipc::retry([&] { return ::flock(fd.get(), LOCK_EX); }), "flock");
  return fd;
}

}  // namespace

void change_config(const std::string& path,
                   const std::function<void(Configuration&)>& change) {
  const ipc::UniqueFd lock = lock_config(path);  // [lock]
  auto config = from_json(ipc::read_file(path).value_or(""));
  if (!config) throw std::runtime_error("not a valid configuration");
  ipc::point("has read");
  change(*config);
  save_by_rename(path, to_json(*config));
}
