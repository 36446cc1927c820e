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

// What became of an action whose system calls were made to fail, one at a time.
struct Sweep {
  int failures = 0;     // Runs in which a call failed: one for each call.
  int exceptions = 0;   // Those that ended with a std::system_error.
  std::string trouble;  // A line for everything that was wrong; "" if nothing.
};

// Runs `action` again and again in new children. In the first run the first
// system call fails that can, in the second run the second one, and so on until
// all have had their turn. Each fails with the error that it has when something
// is used up: EMFILE, ENOMEM, ENOSPC and so on.
//
// The action is to make its objects and let them go. Whether it succeeds in
// spite of the failure or throws std::system_error (or std::bad_alloc), it must
// leave what it has found: the same open descriptors, signal mask, children,
// threads, shared mappings, and names of this run in /tmp and /dev/shm. Then it
// is run once more, without a failure, and must succeed.
//
// Only calls of the child itself fail, not those of its own children.
Sweep fail_each_call(const std::function<void()>& action);

// The same with EINTR for each call that a signal can interrupt. That is no
// reason to throw: the action must succeed.
Sweep interrupt_each_call(const std::function<void()>& action);

// Runs `action` in a child, and returns a line for each descriptor that the
// child had open, if only for a moment, and that a program would have had which
// another thread had started just then: those without close-on-exec.
std::string left_to_programs(const std::function<void()>& action);

// Moves this process to a network of its own, which has a loopback device and
// nothing else. Returns "" or why that is not possible here. For a child of the
// test, likewise.
std::string enter_own_network();
// Turns that device on or off. While it is off all that is sent is lost, as if
// the other machine had no power.
void set_loopback(bool on);

// In this process, and the children it will have, the file `path` has another
// content. Returns "" or why that is not possible. For a child of the test.
std::string replace_in_view(const std::string& path,
                            const std::string& content);

// So many of the next calls of fork(2) in this process fail with EAGAIN: a
// program that uses these faults has a fork of its own before the C library's.
extern int forks_that_fail;

}  // namespace ipc
