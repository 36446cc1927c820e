// A child sends a signal and ends: two signals, in this order.
#include "common/process/signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main() {
  ipc::SignalQueue signals({SIGUSR1, SIGCHLD});
  const pid_t child = ::fork();
  if (child == 0) {
    ::kill(::getppid(), SIGUSR1);
    ::_exit(0);
  }
  const auto deadline = ipc::Deadline::after(10);
  const bool first = signals.next_until(deadline) == SIGUSR1;
  const bool second = signals.next_until(deadline) == SIGCHLD;
  ::waitpid(child, nullptr, 0);
  return first && second ? 0 : 1;
}
