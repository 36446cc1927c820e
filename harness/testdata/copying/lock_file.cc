// A file is abandoned when the child that has made it is dead, and not before.
#include "common/process/lock_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main() {
  const pid_t child = ::fork();
  if (child == 0) {
    const ipc::UniqueFd lock = ipc::create_locked(AT_FDCWD, "made");
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, WUNTRACED);
  const bool locked = !ipc::lock_abandoned(AT_FDCWD, "made");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return locked && ipc::lock_abandoned(AT_FDCWD, "made") ? 0 : 1;
}
