// System V segments, which live on when whoever has filled them is killed.

#include <sys/ipc.h>
#include <sys/shm.h>

#include "attack.h"

int main() {
  for (int i = 0; i < 16; ++i) {
    if (fork() == 0) {
      const size_t size = 256 << 20;
      void* place = shmat(shmget(IPC_PRIVATE, size, 0600), nullptr, 0);
      if (place != reinterpret_cast<void*>(-1)) memset(place, 1, size);
      _exit(0);
    }
    wait(nullptr);
  }
  attack::unless(false, "4 GiB of System V segments");
  return attack::end();
}
