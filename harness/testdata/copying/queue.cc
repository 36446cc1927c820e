// A child puts a hundred messages into a queue that has room for ten.
#include "common/channel/queue.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

int main() {
  ipc::Queue queue(10);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 100; ++i) ensure(queue.put(std::to_string(i)));
    queue.close();
    ::_exit(0);
  }
  int count = 0;
  bool in_order = true;
  while (const auto item = queue.get_until(ipc::Deadline::after(10))) {
    in_order &= *item == std::to_string(count++);
  }
  ::waitpid(child, nullptr, 0);
  return in_order && count == 100 ? 0 : 1;
}
