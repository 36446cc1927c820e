// Updaters that change one configuration, each at a moment of its own choosing.
#pragma once

#include <functional>
#include <string>

#include "labs/config_watcher/configuration.h"

// Reads the configuration, has it changed by `change`, and saves it by a
// rename: as one step, because one updater at a time holds the lock.
//
// Blocks:   until the updaters that are changing it have done so.
// Errors:   std::system_error; std::runtime_error if it is no configuration.
// Death:    the kernel gives the lock up. The file has its old content or the
//           new one.
// Requires: that all who change the file do it by this function: the lock is
//           advisory, flock(2), and an editor does not ask for it.
void change_config(const std::string& path,
                   const std::function<void(Configuration&)>& change);
