// Memory without end, of many processes, each below its own limit.

#include "attack.h"

int main() {
  for (int i = 0; i < 8; ++i) {
    if (fork() == 0) break;
  }
  for (;;) {
    const size_t size = 16 << 20;
    void* place = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (place == MAP_FAILED) pause();
  }
}
