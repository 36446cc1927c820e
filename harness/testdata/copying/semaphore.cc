// A child gives three permits. It dies holding the only permit of another
// semaphore, which is then free again.
#include "common/sync/semaphore.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

struct Permits {
  ipc::Semaphore ready{0U};
  ipc::BoundedSemaphore seat{1U};
};

int main() {
  auto* const permits =
      new (::mmap(nullptr, sizeof(Permits), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Permits;
  const pid_t child = ::fork();
  if (child == 0) {
    permits->seat.acquire();
    for (int i = 0; i < 3; ++i) permits->ready.release();
    ::_exit(0);
  }
  const auto deadline = ipc::Deadline::after(10);
  bool all = true;
  for (int i = 0; i < 3; ++i) all &= permits->ready.acquire_until(deadline);
  ::waitpid(child, nullptr, 0);
  all &= permits->seat.acquire_until(deadline);
  permits->seat.release();
  return all && permits->ready.value() == 0 ? 0 : 1;
}
