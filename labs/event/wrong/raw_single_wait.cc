// Wrong: when futex(2) returns, the waiter believes that the event is set.
//
// The call returns for other reasons, too: here because of a signal that has
// nothing to do with the event (EINTR). Only another look at the word is sure.

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

struct Board {
  std::atomic<uint32_t> ready{0};
  std::atomic<int> answer{0};
  std::atomic<int> signals{0};
};

Board* shared = nullptr;  // For the signal handler.

int64_t futex(std::atomic<uint32_t>& word, int operation, int count,
              int moved) {
  return ::syscall(SYS_futex, &word, operation, count, moved, &word, 0);
}

void wait_for_answer(Board& board) {
  struct sigaction ignoring {};  // Without SA_RESTART.
  ignoring.sa_handler = [](int) { ++shared->signals; };
  check(::sigaction(SIGUSR1, &ignoring, nullptr), "sigaction");
  raw::say("Waiter 0", "Waiting for the event");
  if (board.ready == 0) {  // Wrong: not `while`.
    futex(board.ready, FUTEX_WAIT, 0, 0);
  }
  const std::string answer = std::to_string(board.answer);
  raw::say("Waiter 0",
           "Received the event notification: the answer is " + answer);
}

// The call moves the sleepers from the word to the same word, and counts them.
bool is_asleep(Board& board) {
  return futex(board.ready, FUTEX_CMP_REQUEUE, 0, INT_MAX) > 0;
}

bool has_ended(pid_t child) {
  siginfo_t found{};
  const int flags = WEXITED | WNOHANG | WNOWAIT;
  const auto id = static_cast<id_t>(child);
  check(::waitid(P_PID, id, &found, flags), "waitid");
  return found.si_pid == child;
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board;
  shared = &board;
  const pid_t self = ::getpid();
  const pid_t waiter = check(::fork(), "fork");
  if (waiter == 0) {
    raw::be_child("Waiter 0", self, [&] { wait_for_answer(board); });
  }
  while (!is_asleep(board)) ::sched_yield();
  for (int count = 1; count <= 3 && !has_ended(waiter); ++count) {
    check(::kill(waiter, SIGUSR1), "kill");
    while (board.signals < count) ::sched_yield();
    // The waiter has left the kernel. It continues, or it sleeps again.
    while (!has_ended(waiter) && !is_asleep(board)) ::sched_yield();
  }
  board.answer = 42;
  raw::say("Main", "Setting the event");
  board.ready = 1;
  futex(board.ready, FUTEX_WAKE, INT_MAX, 0);
  int status = 0;
  check(retry([&] { return ::waitpid(waiter, &status, 0); }), "waitpid");
  return status == 0 ? "" : "the waiter failed";
}

}  // namespace

int main() { return raw::run(lesson); }
