// Wrong: a permit is acquired with SEM_UNDO and released without it.
//
// The kernel notes the first and not the second. When the worker ends, although
// normally, the kernel undoes what it has noted: the permit comes back a second
// time, and from then on there are three.

#include <fcntl.h>
#include <stdint.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

struct Pipes {
  std::array<int, 2> tried{};  // A byte: this worker has tried to acquire.
  std::array<int, 2> end{};    // End of file: release, all of you.
};

int permits = -1;

bool change(int16_t by, int flags) {
  sembuf operation{0, by, static_cast<int16_t>(flags)};
  const int result = retry([&] { return ::semop(permits, &operation, 1); });
  if (result == -1 && errno == EAGAIN) return false;
  return check(result, "semop") == 0;
}

void hear(int fd) {
  char byte = 0;
  check(retry([&] { return ::read(fd, &byte, 1); }), "read");
}

void work(const std::string& name, const Pipes& pipes) {
  ::close(pipes.end[1]);
  const bool acquired = change(-1, SEM_UNDO | IPC_NOWAIT);
  raw::say(name, acquired ? "Acquired the semaphore" : "There is no permit");
  check(retry([&] { return ::write(pipes.tried[1], "", 1); }), "write");
  hear(pipes.end[0]);
  if (!acquired) return;
  raw::say(name, "Releasing the semaphore");
  change(+1, 0);  // Missing: SEM_UNDO
}

// Each worker has tried before the next one comes, and none releases before
// the last has tried.
std::string work_in_turn(int first, int last) {
  Pipes pipes;
  check(::pipe2(pipes.tried.data(), O_CLOEXEC), "pipe2");
  check(::pipe2(pipes.end.data(), O_CLOEXEC), "pipe2");
  const pid_t self = ::getpid();
  std::vector<pid_t> workers;
  for (int i = first; i <= last; ++i) {
    const std::string name = "Worker " + std::to_string(i);
    workers.push_back(check(::fork(), "fork"));
    if (workers.back() == 0) {
      raw::be_child(name.c_str(), self, [&] { work(name, pipes); });
    }
    hear(pipes.tried[0]);
  }
  ::close(pipes.end[1]);
  for (const pid_t worker : workers) {
    int status = 0;
    check(retry([&] { return ::waitpid(worker, &status, 0); }), "waitpid");
    if (status != 0) return "a worker failed";
  }
  return "";
}

std::string lesson() {
  permits = check(::semget(IPC_PRIVATE, 1, 0600), "semget");
  change(2, 0);
  if (auto problem = work_in_turn(0, 0); !problem.empty()) return problem;
  return work_in_turn(1, 3);
}

}  // namespace

int main() {
  const int status = raw::run(lesson);
  ::semctl(permits, 0, IPC_RMID);
  return status;
}
