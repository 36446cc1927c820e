// Writes to the file that it is.

#include <sys/ioctl.h>

#include "attack.h"

int main() {
  for (const char* path : {"/proc/self/exe", "/submission/wrong_unclosed_end",
                           "/proc/self/map_files"}) {
    attack::opens(path, O_WRONLY);
    attack::unless(truncate(path, 0) == -1, "truncate");
    attack::unless(chmod(path, 0777) == -1, "chmod");
    attack::unless(unlink(path) == -1, "unlink");
    attack::unless(rename(path, "/tmp/x") == -1, "rename");
  }
  return attack::end();
}
