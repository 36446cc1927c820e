// Writes events without end.

#include "attack.h"

int main() {
  const char* path = getenv("IPC_LABS_EVENTS");
  if (path == nullptr) return attack::end();
  const int fd = open(path, O_WRONLY | O_APPEND);
  const std::string lines(1 << 20, 'x');
  signal(SIGXFSZ, SIG_IGN);
  while (write(fd, lines.data(), lines.size()) != 0) {
  }
}
