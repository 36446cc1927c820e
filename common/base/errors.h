// Failures of the environment become exceptions with errno and the call.
#pragma once

#include <errno.h>

namespace ipc {

// Throws std::system_error for `error`, an errno value, raised by `call`.
[[noreturn]] void throw_error(int error, const char* call);

// Returns `result`, or throws for errno if `result` is -1, the way almost every
// call in section 2 of the manual reports failure. See errno(3).
template <typename Result>
Result check(Result result, const char* call) {
  if (result == Result{-1}) throw_error(errno, call);
  return result;
}

// Throws if `error` is not 0, the way the pthread functions report failure:
// they return the error and leave errno alone. See pthreads(7), "Return
// values".
inline void check_zero(int error, const char* call) {
  if (error != 0) throw_error(error, call);
}

// Calls `attempt` until it does anything but fail with EINTR. See signal(7).
template <typename Attempt>
auto retry(Attempt attempt) {
  auto result = attempt();
  while (result == -1 && errno == EINTR) result = attempt();
  return result;
}

}  // namespace ipc
