// Memory as files: /tmp, /dev/shm, and files that have no name.

#include "attack.h"

namespace {

// Returns how many MiB went into it.
size_t filled(int fd) {
  static const std::string block(1 << 20, 'x');
  size_t count = 0;
  while (count < 8'192 && write(fd, block.data(), block.size()) ==
                              static_cast<ssize_t>(block.size())) {
    ++count;
  }
  return count;
}

}  // namespace

int main() {
  signal(SIGXFSZ, SIG_IGN);
  for (const char* folder : {"/tmp", "/dev/shm"}) {
    size_t all = 0;
    for (int i = 0; i < 8; ++i) {
      const int fd = open(folder, O_TMPFILE | O_RDWR, 0600);
      all += filled(fd);
    }
    attack::unless(all <= 512, std::string(folder) + std::to_string(all));
  }
  for (int i = 0; i < 40; ++i) filled(memfd_create("x", 0));
  attack::unless(false, "10 GiB of memfd");
  return attack::end();
}
