// IPC_CHECK: a condition that can only be false if the code is wrong.
//
//   IPC_CHECK(index < capacity);
//
// A false condition prints file, line and text to standard error and aborts;
// unlike assert(3) it stays in optimised builds.
#pragma once

namespace ipc {

// Prints "file:line: check failed: condition" and calls abort(3).
[[noreturn]] void fail_check(const char* condition, const char* file, int line);

}  // namespace ipc

#define IPC_CHECK(condition) \
  ((condition) ? void() : ipc::fail_check(#condition, __FILE__, __LINE__))
