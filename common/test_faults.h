// Faults for tests: death at every system call, a full disk, and a machine that
// has no room for another process.
#pragma once

#include <stddef.h>

#include <functional>
#include <string>

namespace ipc {

// Runs `action` in a child and kills the child before its `stop`-th system
// call. Returns false if it made fewer and so came to its end. Stops count the
// entry and the return of each call: 1 is the entry of the first.
//
//   for (int stop = 1; killed_at(stop, action); ++stop) ...
//
// Errors: std::system_error if ptrace(2) is not allowed.
bool killed_at(int stop, const std::function<void()>& action);

// Moves this process to a mount namespace of its own, where `folder` is an
// empty tmpfs of `size_bytes`. Returns "" or why that is not possible here.
// For a child of the test: nothing brings it back.
std::string enter_small_disk(const std::string& folder, size_t size_bytes);

// So many of the next calls of fork(2) in this process fail with EAGAIN: a
// program that uses these faults has a fork of its own before the C library's.
extern int forks_that_fail;

}  // namespace ipc
