// A child opens memory by its name, and finds the object that is in it.
#include "common/memory/shared_memory.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>

int main() {
  const std::string name = "copying-" + std::to_string(::getpid());
  const auto ours = ipc::SharedMemory::create<std::atomic<int>>(name, 40);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto theirs = ipc::SharedMemory::open(name);
    theirs.object<std::atomic<int>>() += 2;
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  const bool removed = ours.unlink();
  return removed && ours.object<std::atomic<int>>() == 42 ? 0 : 1;
}
