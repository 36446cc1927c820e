// A folder in a folder in a folder, deeper than a path or a stack.

#include "attack.h"

int main() {
  if (chdir("/tmp") != 0) return 1;
  for (int i = 0; i < 20'000; ++i) {
    if (mkdir("d", 0700) != 0 || chdir("d") != 0) break;
  }
  return attack::end();
}
