// Sleeps in small parts without end, which looks like progress.

#include "attack.h"

int main() {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
  for (;;) {
    usleep(1'000);
    fputs(".", stdout);
    fflush(stdout);
  }
}
