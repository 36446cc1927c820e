// Turns failures of the environment into exceptions that carry errno and the
// name of the call.
#pragma once

#include <errno.h>

namespace ipc {

// Throws std::system_error for `error`, an errno value, raised by `call`.
[[noreturn]] void throw_error(int error, const char* call);

// Returns `result`, or throws errno as a std::system_error if `result` is -1.
// Almost every call in section 2 of the manual reports failure so. See
// errno(3).
template <typename Result>
Result check(Result result, const char* call) {
  if (result == Result{-1}) throw_error(errno, call);
  return result;
}

// Throws std::system_error if `error` is not 0. The pthread functions report
// failure so: they return the error and leave errno alone. See pthreads(7),
// "Return values".
inline void check_zero(int error, const char* call) {
  if (error != 0) throw_error(error, call);
}

// Calls `attempt` again as long as it fails with EINTR, and returns its last
// result. See signal(7).
template <typename Attempt>
auto retry(Attempt attempt) {
  auto result = attempt();
  while (result == -1 && errno == EINTR) result = attempt();
  return result;
}

}  // namespace ipc
