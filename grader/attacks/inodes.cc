// Empty files without end, and folders as deep as they go.

#include "attack.h"

int main() {
  int made = 0;
  for (; made < 1'000'000; ++made) {
    const std::string path = "/tmp/" + std::to_string(made);
    if (mknod(path.c_str(), S_IFREG | 0600, 0) != 0) break;
  }
  attack::unless(made < 200'000, "files:" + std::to_string(made));
  return attack::end();
}
