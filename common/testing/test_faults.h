// Faults for tests: death at any system call, system calls that fail, a full
// disk, and a machine that cannot start another process.
#pragma once

#include <stddef.h>

#include <functional>
#include <string>

namespace ipc {

// Runs `action` in a child and kills the child at its `stop`-th stop. There are
// two stops per system call, at its entry and at its return: 1 is the entry of
// the first call. Returns false if the child ended before that stop.
//
//   for (int stop = 1; killed_at(stop, action); ++stop) ...
//
// Errors: std::system_error if ptrace(2) is not allowed.
bool killed_at(int stop, const std::function<void()>& action);

// Moves this process to a mount namespace of its own, where `folder` is an
// empty tmpfs of `size_bytes`. Returns "" or why that is not possible here.
// Only for a child of the test, since the process cannot return.
std::string enter_small_disk(const std::string& folder, size_t size_bytes);

// The result for an action whose system calls were made to fail, one at a time.
struct Sweep {
  int failures = 0;     // Runs in which a call failed: one for each call.
  int exceptions = 0;   // Runs that ended with an exception.
  std::string trouble;  // One line per problem; "" if there was none.
};

// Runs `action` again and again in new children. In the first run the first
// system call that can fail does, in the second run the second one, and so on
// until each has failed once. A call fails with the error that it gives when
// something is used up: EMFILE, ENOMEM, ENOSPC and so on.
//
// The action must create its objects and destroy them. It may succeed in spite
// of the failure, or throw std::system_error (or std::bad_alloc). Either way it
// must leave everything as before: the same open descriptors, signal mask,
// children, threads, shared mappings, and names of this run in /tmp and
// /dev/shm. Then it runs again, without a failure, and must succeed.
//
// Only calls of the child itself fail, not those of its own children.
Sweep fail_each_call(const std::function<void()>& action);

// The same with EINTR, for each call that a signal can interrupt. Here the
// action must not throw: it must succeed.
Sweep interrupt_each_call(const std::function<void()>& action);

// Runs `action` in a child. Returns a line for each descriptor without
// close-on-exec that the child had open, if only for a moment. A program that
// another thread started at that moment would inherit it.
std::string left_to_programs(const std::function<void()>& action);

// Moves this process to a network of its own, which has a loopback device and
// nothing else. Returns "" or why that is not possible here. Also only for a
// child of the test.
std::string enter_own_network();
// Turns that device on or off. While it is off, everything that is sent is
// lost, as if the other machine had no power.
void set_loopback(bool on);

// Makes the file `path` have this content, for this process and its later
// children only. Returns "" or why that is not possible. Only for a child of
// the test.
std::string replace_in_view(const std::string& path,
                            const std::string& content);

// How many of the next calls of fork(2) in this process fail with EAGAIN. A
// program that links these faults has a fork() that comes before the C
// library's.
extern int forks_that_fail;

}  // namespace ipc
