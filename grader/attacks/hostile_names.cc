// Names of processes, sockets and files that mislead who reads /proc.

#include <sys/un.h>

#include "attack.h"

int main(int argc, char** argv) {
  if (argc > 0) memset(argv[0], '\n', strlen(argv[0]));
  const char* names[] = {"a) R 1 (",      "\n1 (x) Z 1\n", "Main",
                         "\x1b[2J\xff\n", "python3",       "Referee",
                         ")))))",         "(((((",         ""};
  for (const char* name : names) {
    if (fork() != 0) continue;
    prctl(PR_SET_NAME, name, 0, 0, 0);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path + 1, 100, "\n0: 1 2 3\n%s /tmp/x\n", name);
    bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    const std::string file =
        std::string("/tmp/ipc-labs-9999999999-\n\xff") + name;
    close(open(file.c_str(), O_CREAT | O_RDWR, 0600));
    int ends[2];
    char byte = 0;
    pipe(ends);
    read(ends[0], &byte, 1);
  }
  for (;;) pause();
}
