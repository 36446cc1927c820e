// A gibibyte of files that have no name: more than the test gives it.

#include "attack.h"

int main() {
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) {
    const int fd = memfd_create("x", 0);
    for (int j = 0; j < 128; ++j) {
      if (write(fd, block.data(), block.size()) == -1) return attack::end();
    }
  }
  attack::unless(false, "1 GiB of memfd");
  return attack::end();
}
