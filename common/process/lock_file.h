// Files that are locked as long as their maker lives, so that others can tell
// what a dead process has left behind from what a live one is using.
//
// The lock is flock(2): the kernel takes it back however a process ends. A
// process number in the name would not do: numbers are used again, and mean
// nothing to a container that shares the folder.
#pragma once

#include <string>

#include "common/base/unique_fd.h"

namespace ipc {

// Creates the file `name` in a folder, mode 0600 and locked. It counts as
// abandoned when all copies of the descriptor are closed, children's included.
// The descriptor is for reading; to write, open the file once more.
//
// Errors: std::system_error, and no file is left; EEXIST if the name is there,
//         as whatever.
UniqueFd create_locked(int folder_fd, const std::string& name);

// Locks the file `name` if its maker is dead; an empty descriptor if not, or if
// it is no file of this user. The caller removes what the file stands for, then
// the file, then closes: nobody else takes it meanwhile.
UniqueFd lock_abandoned(int folder_fd, const std::string& name);

}  // namespace ipc
