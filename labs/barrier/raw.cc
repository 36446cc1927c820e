// barrier, by system calls: mmap, futex.
//
//   Worker 0 --\                                 /--> Worker 0
//   Worker 1 ----> [ arrived ] [ generation ] ------> Worker 1
//   Worker 2 --/                                 \--> Worker 2
//
// Watch for: a worker waits for the end of *its* round, and so until the
// generation has changed. The counter is 0 again before a worker can see that
// change. Left out: workers do not notice a death. Main breaks the barrier,
// since Main learns from waitpid(2) that a worker has died.

#include "labs/raw.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <new>
#include <numeric>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;
using Word = std::atomic<uint32_t>;

constexpr size_t kWorkers = 3;
constexpr uint32_t kBroken = 1;
constexpr time_t kLimitS = 20;

struct Barrier {
  Word arrived{0};
  Word generation{0};  // Two for each round, and kBroken.
};

struct Board {
  Barrier barrier;
  int complete_rounds = 0;
  std::array<std::array<int, kWorkers>, 2> rows{};
};

void wake_all(const Word& word) {
  const auto attempt = [&] {
    return ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX);
  };
  check(retry(attempt), "futex");
}

// Returns the place in the order of arrival, or -1 if the barrier is broken.
int wait(Barrier& barrier) {
  const uint32_t mine = barrier.generation;  // [mine] Before it is counted.
  if ((mine & kBroken) != 0) return -1;
  const auto place = static_cast<int>(barrier.arrived++);
  if (place == kWorkers - 1) {
    barrier.arrived = 0;  // [anew]
    barrier.generation += 2;
    wake_all(barrier.generation);
    return place;
  }
  uint32_t now = barrier.generation;
  while (now == mine) {  // [wait]
    const auto result = ::syscall(SYS_futex, &barrier.generation, FUTEX_WAIT,
                                  mine, nullptr);  // [sleep]
    if (result == -1 && errno != EAGAIN && errno != EINTR) {
      ipc::throw_error(errno, "futex");
    }
    now = barrier.generation;
  }
  return now == (mine | kBroken) ? -1 : place;
}

// Breaks it for all that wait, and for all that come later.
void break_for_all(Barrier& barrier) {
  barrier.generation |= kBroken;  // [break]
  wake_all(barrier.generation);
}

// To be called only when no process waits any more.
void reset(Barrier& barrier) {
  barrier.arrived = 0;
  barrier.generation = (barrier.generation | kBroken) + 1;
}

void work(Board& board, size_t number, int round) {
  const std::string name = "Worker " + std::to_string(number);
  raw::say(name, "Begins round " + std::to_string(round));
  const auto& before = board.rows[static_cast<size_t>(round - 1) % 2];
  const int sum = before[number] + before[(number + 1) % kWorkers];
  board.rows[static_cast<size_t>(round) % 2][number] = sum;
  raw::say(name, "Ends round " + std::to_string(round) + " with " +
                     std::to_string(sum));
}

void work_rounds(Board& board, size_t number, int first, int last) {
  for (int round = first; round <= last; ++round) {
    work(board, number, round);
    const int place = wait(board.barrier);
    if (place == -1) {
      return raw::say(
          "Worker " + std::to_string(number),
          "The barrier is broken in round " + std::to_string(round));
    }
    if (place == 0) ++board.complete_rounds;
  }
}

pid_t start(Board& board, size_t number, int first, int last) {
  const std::string name = "Worker " + std::to_string(number);
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) {
    raw::be_child(name.c_str(), parent,
                  [&] { work_rounds(board, number, first, last); });
  }
  return child;
}

// Returns the status that waitpid(2) reports.
int join(pid_t child) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return status;
}

bool play(Board& board, int first, int last) {
  std::array<pid_t, kWorkers> workers{};
  for (size_t i = 0; i < kWorkers; ++i) {
    workers[i] = start(board, i, first, last);
  }
  for (const pid_t worker : workers) {
    if (join(worker) != 0) return false;
  }
  raw::say("Main", "Rounds that all have ended: " +
                       std::to_string(board.complete_rounds));
  return board.complete_rounds == last;
}

// Not time(2), because that clock can be set.
time_t seconds() {
  timespec now{};
  check(::clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
  return now.tv_sec;
}

bool break_round(Board& board, int round) {
  const pid_t victim = start(board, 2, round, round);
  const pid_t waiter = start(board, 0, round, round);
  // No event reports that both have arrived, so look until they have.
  const time_t limit = seconds() + kLimitS;
  while (board.barrier.arrived < 2 && seconds() < limit) ::sched_yield();
  check(::kill(victim, SIGKILL), "kill");
  if (join(victim) != SIGKILL) return false;
  raw::say("Main", "Worker 2 was killed by SIGKILL");
  break_for_all(board.barrier);
  if (join(waiter) != 0) return false;
  return join(start(board, 1, round, round)) == 0 &&
         board.complete_rounds == round - 1;
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board;
  std::iota(board.rows[0].begin(), board.rows[0].end(), 1);
  raw::say("Main", "Act 1: all come to the end of each round");
  if (!play(board, 1, 3)) return "act 1 has failed";
  raw::say("Main", "Act 2: one is killed while it waits");
  if (!break_round(board, 4)) return "the barrier did not break";
  raw::say("Main",
           "Act 3: the barrier is reset, and the round is played again");
  reset(board.barrier);
  return play(board, 4, 4) ? "" : "act 3 has failed";
}

}  // namespace

int main() { return raw::run(lesson); }
