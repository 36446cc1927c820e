// event, by system calls: mmap, futex.
//
//   Waiter 0..2 --FUTEX_WAIT--> [ one word ] <--store, FUTEX_WAKE-- Setter
//
// Watch for: the word is the event, and the kernel keeps only the list of the
// processes that sleep on it. It compares the word before it lets one sleep.

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
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr uint32_t kClear = 0;
constexpr uint32_t kSet = 1;
constexpr int kAnswer = 42;
constexpr time_t kLimitS = 20;

struct Board {
  std::atomic<uint32_t> ready{kClear};
  int answer = 0;  // Written before `ready` is set, read after.
  std::atomic<int> notified{0};
};

timespec in_ns(int64_t ns) {
  timespec at{};
  check(::clock_gettime(CLOCK_MONOTONIC, &at), "clock_gettime");
  ns += at.tv_nsec;
  at.tv_sec += ns / 1'000'000'000;
  at.tv_nsec = ns % 1'000'000'000;
  return at;
}

// False if the event was not set in time. FUTEX_WAIT_BITSET takes a point in
// time and not a duration, so a signal does not make the wait longer.
bool wait_until(const std::atomic<uint32_t>& event, const timespec* deadline) {
  while (event.load(std::memory_order_acquire) == kClear) {  // [look]
    const auto result =
        ::syscall(SYS_futex, &event, FUTEX_WAIT_BITSET, kClear, deadline,
                  nullptr, FUTEX_BITSET_MATCH_ANY);  // [wait]
    if (result == 0 || errno == EAGAIN || errno == EINTR) continue;
    if (errno == ETIMEDOUT) return event.load() == kSet;
    ipc::throw_error(errno, "futex");
  }
  return true;
}

void set(std::atomic<uint32_t>& event) {
  event.store(kSet, std::memory_order_release);  // [store]
  check(
      retry([&] { return ::syscall(SYS_futex, &event, FUTEX_WAKE, INT_MAX); }),
      "futex");  // [wake]
}

// Returns how many sleep: the call moves all of them from this word to the same
// word, wakes none of them, and returns how many it has moved.
int64_t count_asleep(const std::atomic<uint32_t>& event) {
  return check(retry([&] {
                 return ::syscall(SYS_futex, &event, FUTEX_CMP_REQUEUE, 0,
                                  INT_MAX, &event, kClear);
               }),
               "futex");
}

void wait_for_answer(const std::string& name, Board& board,
                     const timespec* deadline) {
  raw::say(name, "Waiting for the event");
  if (!wait_until(board.ready, deadline)) {
    return raw::say(name, "It was not set in time: there is no answer");
  }
  const std::string answer = std::to_string(board.answer);
  raw::say(name, "Received the event notification: the answer is " + answer);
  ++board.notified;
}

void give_answer(Board& board, pid_t victim) {
  if (victim > 0) {
    raw::say("Setter", "Killing a waiter that is asleep");
    check(::kill(victim, SIGKILL), "kill");
  }
  board.answer = kAnswer;
  raw::say("Setter", "Setting the event");
  set(board.ready);
}

template <typename Role>
pid_t start(const std::string& name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name.c_str(), parent, role);
  return child;
}

// Returns the status that waitpid(2) reports.
int join(pid_t child) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return status;
}

// Plays an act with three waiters. They are started one after the other, and
// each one sleeps, or has ended, before the next: so the order is certain.
std::string play(Board& board, bool set_first, bool kills) {
  new (&board) Board;
  raw::say("Main", set_first ? "Order DABC" : "Order ABCD");
  std::array<pid_t, 3> waiters{};
  const auto play_setter = [&] {
    const pid_t victim = kills ? waiters[1] : 0;
    return join(start("Setter", [&] { give_answer(board, victim); })) == 0;
  };
  if (set_first && !play_setter()) return "the setter failed";
  for (size_t i = 0; i < waiters.size(); ++i) {
    const std::string name = "Waiter " + std::to_string(i);
    waiters[i] = start(name, [&] { wait_for_answer(name, board, nullptr); });
    if (set_first) {
      if (join(waiters[i]) != 0) return "a waiter failed";
      continue;
    }
    const timespec limit = in_ns(kLimitS * 1'000'000'000);
    while (count_asleep(board.ready) <= static_cast<int64_t>(i)) {  // [asleep]
      if (in_ns(0).tv_sec > limit.tv_sec) return "a waiter does not sleep";
      ::sched_yield();
    }
    raw::say("Main", name + " has to wait for the Event");
  }
  if (!set_first && !play_setter()) return "the setter failed";
  for (size_t i = 0; i < waiters.size() && !set_first; ++i) {
    const int status = join(waiters[i]);
    if (status != (kills && i == 1 ? SIGKILL : 0)) return "a waiter failed";
    if (status != 0) raw::say("Main", "Waiter 1 ended: killed by SIGKILL");
  }
  const int wanted = kills ? 2 : 3;
  raw::say("Main", "Notified " + std::to_string(board.notified) + " of " +
                       std::to_string(wanted) + " waiters");
  return board.notified == wanted ? "" : "a waiter was not notified";
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board;
  raw::say("Main", "Act 1: it is never set");
  const pid_t waiter = start("Waiter 0", [&] {
    const timespec deadline = in_ns(500'000'000);
    wait_for_answer("Waiter 0", board, &deadline);
  });
  if (join(waiter) != 0) return "a waiter failed";
  raw::say("Main", "Act 2: it is set while they wait");
  if (auto problem = play(board, false, false); !problem.empty())
    return problem;
  raw::say("Main", "Act 3: it is set before they wait");
  if (auto problem = play(board, true, false); !problem.empty()) return problem;
  raw::say("Main", "Act 4: one is killed in its sleep");
  return play(board, false, true);
}

}  // namespace

int main() { return raw::run(lesson); }
