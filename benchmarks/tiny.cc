// See tiny.h. It is linked statically, so it reaches its first line before a
// program with shared libraries has found these.
#include "benchmarks/tiny.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 0;
  const int fd = ::open(argv[1], O_RDWR);
  void* const memory = ::mmap(nullptr, sizeof(ipc::bench::LifeSign),
                              PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return 1;
  static_cast<ipc::bench::LifeSign*>(memory)->give();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (true) ::pause();
}
