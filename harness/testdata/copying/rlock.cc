// Two processes count under a lock that each of them has taken twice.
#include "common/sync/rlock.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

struct Cell {
  ipc::RLock lock;
  int count = 0;  // Guarded by `lock`.
};

int main() {
  auto* const cell = new (::mmap(nullptr, sizeof(Cell), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Cell;
  const pid_t child = ::fork();
  for (int i = 0; i < 10'000; ++i) {
    const ipc::Guard outer(cell->lock);
    const ipc::Guard inner(cell->lock);
    cell->count += static_cast<int>(inner.depth());
  }
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return cell->count == 40'000 ? 0 : 1;
}
