// Two processes add to a number in a dictionary, which is in a third.
#include "common/manager/manager.h"

#include <sys/wait.h>
#include <unistd.h>

int main() {
  const ipc::Manager manager;
  const ipc::managed::Dict counts = manager.dict();
  const pid_t child = ::fork();
  for (int i = 0; i < 100; ++i) counts.add("calls", 1);
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  const auto calls = counts.get("calls");
  return calls && calls->as_int() == 200 ? 0 : 1;
}
