// Two workers square numbers. One dies in a task, which the other does again.
#include "common/pool/pool.h"

#include <unistd.h>

#include <atomic>
#include <vector>

#include "common/memory/shared.h"

int main() {
  const ipc::Shared<std::atomic<bool>> died(false);
  ipc::Pool<int(int)> pool(2, [&](int number) {
    if (number == 9 && !died->exchange(true)) ::_exit(1);
    return number * number;
  });
  const std::vector<int> squares = pool.map_range(0, 10, {.retries = 1});
  const std::vector<int> expected{0, 1, 4, 9, 16, 25, 36, 49, 64, 81};
  return squares == expected && pool.deaths() == 1 ? 0 : 1;
}
