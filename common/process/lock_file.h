// Files that are locked as long as their maker lives, so that other processes
// can tell what a dead process has left behind from what a live one is using.
//
// The lock is flock(2): the kernel releases it however a process ends. A
// process number in the name would not do: numbers are reused, and mean nothing
// to a container that shares the folder.
#pragma once

#include <string>

#include "common/base/unique_fd.h"

namespace ipc {

// Creates the file `name` in a folder, mode 0600 and locked. It counts as
// abandoned when all copies of the descriptor are closed, children's included.
// The descriptor is for reading; to write, open the file again.
//
// Errors: std::system_error, and no file is left; EEXIST if the name exists,
//         even as a symbolic link or a FIFO.
UniqueFd create_locked(int folder_fd, const std::string& name);

// Locks the file `name` if its maker is dead. Returns an empty descriptor if
// the maker lives, or if there is no regular file of this user. Never waits.
// The caller removes first what the file stands for, then the file, and then
// closes the descriptor: no other process can take the file meanwhile.
UniqueFd lock_abandoned(int folder_fd, const std::string& name);

}  // namespace ipc
