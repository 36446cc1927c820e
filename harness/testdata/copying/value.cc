// Two processes add to a number and to an array, each under its lock.
#include "common/sync/value.h"

#include <sys/wait.h>
#include <unistd.h>

#include <vector>

int main() {
  const ipc::Value<int> total(0);
  const ipc::Array<int> items{1, 2, 3};
  const pid_t child = ::fork();
  for (int i = 0; i < 10'000; ++i) {
    const ipc::Guard guard(total.get_lock());
    ++total.value();
  }
  {
    const ipc::Guard guard(items.get_lock());
    for (int& item : items.span()) item *= 10;
  }
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  const bool right = items.snapshot() == std::vector{100, 200, 300};
  return right && total.value() == 20'000 ? 0 : 1;
}
