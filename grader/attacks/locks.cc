// Locks every file that it is shown, and keeps the locks for a while.

#include <sys/file.h>

#include "attack.h"

int main() {
  for (const char* path :
       {"/dev/null", "/usr/bin/python3", "/usr/bin/g++", "/etc/passwd",
        "/submission/wrong_unclosed_end", "/etc/ld.so.cache", "/proc",
        "/dev/urandom", "/tmp", "/usr"}) {
    const int fd = open(path, O_RDONLY);
    if (fd != -1) flock(fd, LOCK_EX | LOCK_NB);
    attack::unless(fcntl(fd, F_SETLEASE, F_WRLCK) == -1, "lease");
  }
  usleep(200'000);
  return attack::end();
}
