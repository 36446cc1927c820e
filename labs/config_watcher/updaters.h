// Updaters that change one configuration, each at a moment of its own choosing.
#pragma once

#include <functional>
#include <string>

#include "labs/config_watcher/configuration.h"

// Reads the configuration, lets `change` change it, and saves it by a rename:
// as one step, because one updater at a time holds the lock.
//
// Blocks:   until no other updater holds the lock, without a limit.
// Errors:   std::system_error; std::runtime_error if the file is missing, or is
//           not a valid configuration.
// Death:    the kernel releases the lock. The file has its old content or the
//           new one.
// Requires: all processes that change the file do it by this function: the lock
//           is advisory, flock(2), and an editor does not ask for it.
void change_config(const std::string& path,
                   const std::function<void(Configuration&)>& change);
