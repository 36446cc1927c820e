// Looks for a place that keeps what is written: there must be none.

#include <sys/vfs.h>

#include "attack.h"

int main() {
  for (const char* folder :
       {"/", "/usr", "/usr/local", "/usr/share", "/etc", "/var/tmp", "/dev",
        "/submission", "/judge", "/tmp", "/dev/shm", "/proc", "/opt", "/home",
        "/run", "/run/lock", "/dev/mqueue", "/dev/pts",
        "/tmp/.ipc-labs-world"}) {
    const std::string path = std::string(folder) + "/x";
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1) continue;
    struct statfs where {};
    fstatfs(fd, &where);
    const long tmpfs = 0x01021994;
    attack::unless(where.f_type == tmpfs, path);
    close(fd);
    unlink(path.c_str());
  }
  return attack::end();
}
