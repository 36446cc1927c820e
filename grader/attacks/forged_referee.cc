// Judges itself: a project's program is the child of its referee.

#include "attack.h"

int main() {
  const std::string referee = "/proc/" + std::to_string(getppid());
  for (int fd = 0; fd < 16; ++fd) {
    attack::opens(referee + "/fd/" + std::to_string(fd), O_WRONLY);
  }
  attack::opens(referee + "/mem", O_RDWR);
  attack::unless(kill(getppid(), SIGKILL) == -1, "kills its referee");
  // Its output goes to the referee, and its errors beside what that says.
  fputs("Main: PASS\n", stderr);
  puts("ready\nMain: PASS");
  return attack::end();
}
