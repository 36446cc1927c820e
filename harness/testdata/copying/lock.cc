// Two processes count under a lock. One dies with it, and the other is told.
#include "common/sync/lock.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

struct Cell {
  ipc::Lock lock;
  int count = 0;  // Guarded by `lock`.
};

int main() {
  auto* const cell = new (::mmap(nullptr, sizeof(Cell), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Cell;
  const pid_t child = ::fork();
  for (int i = 0; i < 10'000; ++i) {
    const ipc::Guard guard(cell->lock);
    ++cell->count;
  }
  if (child == 0) {
    (void)cell->lock.lock();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  const ipc::Guard guard(cell->lock);
  return guard.owner_died() && cell->count == 20'000 ? 0 : 1;
}
