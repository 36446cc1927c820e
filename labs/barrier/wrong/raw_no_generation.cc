// Wrong: a barrier that is a counter and nothing more. A worker waits until the
// counter is 0 again, and so cannot tell one round from the next.
//
// Worker 0 is slow to wake: it is stopped. Worker 1 ends round 1, sets the
// counter to 0, and comes to the end of round 2. Now worker 0 looks and sees a
// counter of 1, as it was when it fell asleep. Each waits for the other.

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <new>
#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;
using Word = std::atomic<uint32_t>;

constexpr uint32_t kWorkers = 2;

void wait(Word& arrived) {
  if (++arrived == kWorkers) {
    arrived = 0;
    ::syscall(SYS_futex, &arrived, FUTEX_WAKE, INT_MAX);
    return;
  }
  while (const uint32_t seen = arrived) {  // Wrong: of which round?
    ::syscall(SYS_futex, &arrived, FUTEX_WAIT, seen, nullptr);
  }
}

void work(const std::string& name, Word& arrived) {
  for (const int round : {1, 2}) {
    raw::say(name, "Begins round " + std::to_string(round));
    raw::say(name, "Ends round " + std::to_string(round));
    wait(arrived);
  }
}

// Waits until a process sleeps on the word. The call moves sleepers from the
// word to the same word, only because it returns how many there are.
void await_sleeper(const Word& word) {
  while (::syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 0, INT_MAX, &word,
                   word.load()) < 1) {
    ::sched_yield();
  }
}

pid_t start(const char* name, Word& arrived) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, [&] { work(name, arrived); });
  return child;
}

int await(pid_t child, int options) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, options); }), "waitpid");
  return status;
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Word), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& arrived = *new (page) Word(0);
  const pid_t slow = start("Worker 0", arrived);
  await_sleeper(arrived);
  check(::kill(slow, SIGSTOP), "kill");
  if (!WIFSTOPPED(await(slow, WUNTRACED))) return "worker 0 was not stopped";
  const pid_t fast = start("Worker 1", arrived);
  await_sleeper(arrived);
  check(::kill(slow, SIGCONT), "kill");
  if (await(slow, 0) != 0) return "worker 0 failed";
  return await(fast, 0) == 0 ? "" : "worker 1 failed";
}

}  // namespace

int main() { return raw::run(lesson); }
