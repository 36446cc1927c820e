// A process that is never there twice: each starts the next, and ends.

#include "attack.h"

int main() {
  if (fork() == 0) {
    for (;;) {
      const pid_t next = fork();
      if (next > 0) _exit(0);
      setsid();
    }
  }
  return attack::end();
}
