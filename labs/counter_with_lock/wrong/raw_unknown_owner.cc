// Wrong: the word says that the lock is taken, but not by whom. When its owner
// has died, neither the kernel nor another process can know that.

#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"
#include "labs/raw_turns.h"

namespace {

constexpr uint32_t kFree = 0;
constexpr uint32_t kTaken = 1;
constexpr uint32_t kAwaited = 2;

struct Board {
  std::atomic<uint32_t> lock{kFree};
  int counter = 0;
};

void lock(std::atomic<uint32_t>& word) {
  uint32_t seen = kFree;
  if (word.compare_exchange_strong(seen, kTaken)) return;
  while (word.exchange(kAwaited) != kFree) {
    ::syscall(SYS_futex, &word, FUTEX_WAIT, kAwaited, nullptr);
  }
}

void unlock(std::atomic<uint32_t>& word) {
  if (word.exchange(kFree) == kAwaited) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, 1);
  }
}

void increment(Board& board, const std::string& name, bool dies) {
  lock(board.lock);
  const int seen = board.counter;
  if (dies) ::raise(SIGKILL);
  board.counter = seen + 1;
  raw::say(name, "Incremented counter to " + std::to_string(seen + 1));
  unlock(board.lock);
}

std::string lesson() {
  void* const page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board;
  std::vector<raw::Actor> workers;
  workers.push_back(
      raw::start("Worker 0", [&] { increment(board, "Worker 0", true); }));
  workers.push_back(
      raw::start("Worker 1", [&] { increment(board, "Worker 1", false); }));
  raw::play(workers, "AB");
  const std::string problem = raw::finish(workers);
  return problem == "Worker 0 failed" ? "" : problem;
}

}  // namespace

int main() { return raw::run(lesson); }
