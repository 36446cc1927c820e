// Types into terminals that are not its own, and writes to them.

#include <sys/ioctl.h>
#include <termios.h>

#include "attack.h"

int main() {
  attack::opens("/dev/tty", O_RDWR);
  for (const std::string& name : attack::names_in("/dev/pts")) {
    if (name != "ptmx") attack::opens("/dev/pts/" + name, O_RDWR);
  }
  char key = 'x';
  for (int fd = 0; fd < 3; ++fd) {
    attack::unless(ioctl(fd, TIOCSTI, &key) == -1, "types");
    attack::unless(ioctl(fd, TIOCSCTTY, 1) == -1, "takes a terminal");
  }
  return attack::end();
}
