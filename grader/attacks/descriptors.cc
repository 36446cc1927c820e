// Descriptors without end, in many processes.

#include "attack.h"

int main() {
  for (int i = 0; i < 10; ++i) {
    if (fork() == 0) break;
  }
  int made = 0;
  while (dup(1) != -1) ++made;
  attack::unless(made <= 4'096, "descriptors:" + std::to_string(made));
  for (;;) pause();
}
