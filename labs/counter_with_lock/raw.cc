// counter_with_lock by system calls: a lock is one word, and futex(2).
//
//   Worker 0..4 --lock--> [ counter ] --unlock--> the next one
//
// The word is 0 if the lock is free, else the owner's thread number; its
// highest bit says that a process waits. This is the second mutex of Ulrich
// Drepper, "Futexes Are Tricky" (2011), but it names its owner, so that the
// kernel can tell the next owner if this one dies: get_robust_list(2).
//
// Watch for: a lock that is free costs one instruction and no system call.
// After the lab's own story it plays that of the lab with --kill.

#include "labs/raw.h"

#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw_turns.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr uint32_t kFree = 0;

struct Board {
  std::atomic<uint32_t> lock{kFree};
  int counter = 0;  // Guarded by the lock, so it need not be atomic.
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

// Not FUTEX_PRIVATE_FLAG: other processes sleep on this word.
long futex(std::atomic<uint32_t>& word, int operation, uint32_t value) {
  return ::syscall(SYS_futex, &word, operation, value, nullptr);
}

// What the kernel looks at when this process dies. If the word to which
// list_op_pending points is the number of this thread, it sets FUTEX_OWNER_DIED
// there and wakes a waiter. We have one lock, so it may point there always.
robust_list_head death_list{};

void tell_kernel(Board& board) {
  auto& word = reinterpret_cast<robust_list&>(board.lock);
  death_list = {{&death_list.list}, 0, &word};
  check(::syscall(SYS_set_robust_list, &death_list, sizeof death_list),
        "set_robust_list");  // [robust]
}

// Returns whether the last owner has died with the lock.
bool lock(std::atomic<uint32_t>& word) {
  const auto self = static_cast<uint32_t>(::gettid());
  uint32_t seen = kFree;
  // Acquire, here and below: pairs with unlock().
  if (word.compare_exchange_strong(seen, self, std::memory_order_acquire)) {
    return false;  // [free]
  }
  const bool waits = (seen & FUTEX_TID_MASK) != kFree;
  if (waits) raw::has_to_wait();
  while (true) {
    if ((seen & FUTEX_TID_MASK) == kFree) {
      // Others may still sleep, and only the word can say so to our unlock().
      const uint32_t ours = self | FUTEX_WAITERS;
      if (word.compare_exchange_strong(seen, ours, std::memory_order_acquire)) {
        break;
      }
      continue;
    }
    const uint32_t awaited = seen | FUTEX_WAITERS;
    if (seen == awaited || word.compare_exchange_strong(seen, awaited)) {
      // Sleeps only if the word is still this. EAGAIN, EINTR: look again.
      const long slept = futex(word, FUTEX_WAIT, awaited);  // [sleep]
      if (slept == -1 && errno != EAGAIN && errno != EINTR) {
        ipc::throw_error(errno, "futex");
      }
      seen = word.load();
    }
  }
  if (waits) raw::point();
  return (seen & FUTEX_OWNER_DIED) != 0;
}

void unlock(std::atomic<uint32_t>& word) {
  // Release: the next owner sees what we have done. One step: between a
  // look and a store another process could begin to wait.
  if ((word.exchange(kFree, std::memory_order_release) & FUTEX_WAITERS) != 0) {
    check(retry([&] { return futex(word, FUTEX_WAKE, 1); }),
          "futex");  // [wake]
  }
}

void increment(Board& board, const std::string& name, bool dies = false) {
  if (lock(board.lock)) {
    // An int is stored or it is not: there is nothing to repair.
    raw::say(name, "The last owner died inside the lock");
  }
  const int seen = board.counter;
  raw::point();
  if (dies) ::raise(SIGKILL);
  board.counter = seen + 1;
  raw::say(name, "Incremented counter to " + std::to_string(seen + 1));
  unlock(board.lock);
}

Board& make_board() {
  void* const page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  return *new (page) Board;
}

template <typename Role>
raw::Actor start(Board& board, int number, Role role) {
  const std::string name = "Worker " + std::to_string(number);
  return raw::start(name, [&] {
    tell_kernel(board);
    role(name);
  });
}

std::string judge(Board& board, int updates) {
  const int final = board.counter;
  check(::munmap(&board, sizeof board), "munmap");
  raw::say("Main", "Final counter value (with lock): " + std::to_string(final));
  return final == updates ? "" : "an update was lost";
}

// Each of two workers increments once; the first one may be killed.
std::string play(bool kill) {
  Board& board = make_board();
  std::vector<raw::Actor> workers;
  for (const int i : {0, 1}) {
    workers.push_back(start(board, i, [&](const std::string& name) {
      increment(board, name, kill && i == 0);
    }));
  }
  raw::play(workers, "ABAB");
  std::string problem = raw::finish(workers);
  if (kill == problem.empty()) return kill ? "no worker died" : problem;
  return judge(board, kill ? 1 : 2);
}

std::string work() {
  raw::say("Main", "Now 5 workers, 10 times each");
  Board& board = make_board();
  std::vector<raw::Actor> workers;
  workers.reserve(5);
  for (int i = 0; i < 5; ++i) {
    workers.push_back(start(board, i, [&](const std::string& name) {
      for (int k = 0; k < 10; ++k) increment(board, name);
    }));
  }
  std::string problem = raw::finish(workers);
  return problem.empty() ? judge(board, 50) : problem;
}

std::string lesson() {
  std::string problem = play(false);
  if (problem.empty()) problem = work();
  return problem.empty() ? play(true) : problem;
}

}  // namespace

int main() { return raw::run(lesson); }
