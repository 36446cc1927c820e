// A child waits for one event and answers by another.
#include "common/sync/event.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>

struct Events {
  ipc::Event question;
  ipc::Event answer;
};

int main() {
  auto* const events =
      new (::mmap(nullptr, sizeof(Events), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Events;
  const pid_t child = ::fork();
  if (child == 0) {
    events->question.wait();
    events->answer.set();
    ::_exit(0);
  }
  events->question.set();
  const bool answered = events->answer.wait_until(ipc::Deadline::after(10));
  ::waitpid(child, nullptr, 0);
  return answered ? 0 : 1;
}
