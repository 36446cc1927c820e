// Wrong: a worker looks at the word in one step, and writes into it that it
// waits in another. If the owner unlocks between the two, it sees no worker to
// wake. Then the other one goes to sleep: the lock is free, but it waits
// forever.

#include <linux/futex.h>
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
  while (!word.compare_exchange_strong(seen, kTaken)) {
    raw::point();  // What was seen is outdated.
    word.store(kAwaited);
    ::syscall(SYS_futex, &word, FUTEX_WAIT, kAwaited, nullptr);
    seen = kFree;
  }
}

void unlock(std::atomic<uint32_t>& word) {
  if (word.exchange(kFree) == kAwaited) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE, 1);
  }
}

void increment(Board& board, const std::string& name) {
  lock(board.lock);
  const int seen = board.counter;
  raw::point();
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
  for (const char* const name : {"Worker 0", "Worker 1"}) {
    workers.push_back(raw::start(name, [&] { increment(board, name); }));
  }
  raw::play(workers, "ABAB");
  return raw::finish(workers);
}

}  // namespace

int main() { return raw::run(lesson); }
