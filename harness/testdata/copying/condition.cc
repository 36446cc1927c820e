// A child makes ten items, and the parent waits until all of them are there.
#include "common/sync/condition.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

struct Store {
  ipc::RobustMutex lock{ipc::RobustMutex::Kind::plain};  // As a Lock has it.
  ipc::Condition changed;
  int items = 0;  // Guarded by `lock`.
};

int main() {
  auto* const store =
      new (::mmap(nullptr, sizeof(Store), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Store;
  const pid_t child = ::fork();
  for (int i = 0; child == 0 && i < 10; ++i) {
    const ipc::Guard guard(store->lock);
    ++store->items;
    store->changed.notify_one();
  }
  if (child == 0) ::_exit(0);
  bool complete = false;
  {
    ipc::Guard guard(store->lock);
    complete = store->changed.wait_until(guard, ipc::Deadline::after(10),
                                         [&] { return store->items == 10; });
  }
  ::waitpid(child, nullptr, 0);
  return complete ? 0 : 1;
}
