// A child changes a number, and the parent sees it.
#include "common/memory/shared.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

int main() {
  const ipc::Shared<std::atomic<int>> number(40);
  const pid_t child = ::fork();
  if (child == 0) {
    *number += 2;
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return *number == 42 ? 0 : 1;
}
