// A child ends by itself, one is killed, and one becomes another program.
#include "common/process/process.h"

#include <signal.h>
#include <unistd.h>

int main() {
  ipc::Process brief("Brief", [] { ::_exit(3); });
  ipc::Process endless("Endless", [] {
    while (true) ::pause();
  });
  ipc::Process program = ipc::Process::spawn("True", {"/bin/true"});
  const bool killed = endless.kill();
  return killed && brief.join() == 3 && endless.join() == -SIGKILL &&
                 program.join() == 0
             ? 0
             : 1;
}
