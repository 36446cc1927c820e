// Leaves processes behind that no signal but one ends, in sessions of their
// own.

#include "attack.h"

int main() {
  for (int i = 0; i < 10; ++i) {
    if (fork() != 0) continue;
    setsid();
    if (fork() != 0) _exit(0);
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    close(0);
    close(1);
    close(2);
    for (;;) pause();
  }
  return attack::end();
}
