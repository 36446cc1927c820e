// semaphore, by system calls: semget, semtimedop, semctl.
//
//   Worker 0..4 -- -1 --> [ 2 permits ] -- +1 --> one that waits
//
// Watch for: acts 3 and 4 differ by one flag. With SEM_UNDO the kernel takes
// back what a process has done to the semaphore, however that process ends.

#include "labs/raw.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <new>
#include <string>
#include <vector>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr int kPermits = 2;

struct Board {
  std::atomic<uint32_t> holders{0};
  std::atomic<uint32_t> seen{0};  // Bit n: there were n holders at a time.
};

struct Worker {
  pid_t pid;
  int channel;  // A byte from it: "I have a permit". One to it: "go on".
};

// A set of semaphores has no owner, so the end of a process does not remove it.
// main does or, if a signal ends Main, its handler. See ipcs(1) and ipcrm(1)
// for what SIGKILL leaves.
int permits = -1;
const pid_t owner = ::getpid();

void remove_and_die(int number) {
  if (::getpid() == owner) ::semctl(permits, 0, IPC_RMID);
  ::raise(number);
}

// No signal may come between making the set and storing its number.
void make_permits() {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  permits = check(::semget(IPC_PRIVATE, 1, 0600), "semget");  // [semget]
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

// Adds to the semaphore; waits while the result would be below zero. False if
// that took longer than `most`, which begins again after a signal.
bool change(int16_t by, int16_t flags, const timespec* most = nullptr) {
  sembuf operation{0, by, flags};
  const int result =  // [change]
      retry([&] { return ::semtimedop(permits, &operation, 1, most); });
  if (result == -1 && errno == EAGAIN) return false;
  return check(result, "semtimedop") == 0;
}

void tell(int channel) {
  check(retry([&] { return ::send(channel, "", 1, MSG_NOSIGNAL); }), "send");
}

void hear(int channel) {
  char byte = 0;
  if (check(retry([&] { return ::read(channel, &byte, 1); }), "read") == 0) {
    ipc::throw_error(EPIPE, "read");
  }
}

void work(const std::string& name, Board& board, int main) {
  raw::say(name, "Waiting for the semaphore");
  change(-1, SEM_UNDO);  // [acquire]
  board.seen |= 1U << ++board.holders;
  raw::say(name, "Acquired the semaphore");
  if (main >= 0) {
    tell(main);
    hear(main);
  }
  --board.holders;
  raw::say(name, "Releasing the semaphore");
  change(+1, SEM_UNDO);  // [release]
}

template <typename Role>
pid_t start(const std::string& name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name.c_str(), parent, role);
  return child;
}

// The exit status, or minus the signal that killed it.
int join(pid_t child) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string judge(const Board& board) {
  const int most = 31 - std::countl_zero(board.seen.load());
  const std::string text = std::to_string(most) + " of 2 permits";
  raw::say("Main", "Most holders at a time: " + text);
  return most == 1 || most == 2 ? "" : "too many holders, or a worker failed";
}

std::string work_in_order(Board& board) {
  raw::say("Main", "Order ABCABC");
  std::array<Worker, 3> workers{};
  for (size_t i = 0; i < workers.size(); ++i) {
    const std::string name = "Worker " + std::to_string(i);
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
          "socketpair");
    workers[i] = {start(name, [&] { work(name, board, ends[1]); }), ends[0]};
    ::close(ends[1]);  // Only the worker has it: its death is end of file.
    if (i < kPermits) hear(ends[0]);
  }
  // The kernel counts those that sleep, but no call waits for that: so look.
  while (check(::semctl(permits, 0, GETNCNT), "semctl") == 0) {  // [ncnt]
    if (char byte; ::recv(workers[2].channel, &byte, 1, MSG_DONTWAIT) >= 0) {
      return "Worker 2 did not have to wait";
    }
    ::sched_yield();
  }
  raw::say("Main", "Worker 2 has to wait for the Semaphore");
  tell(workers[0].channel);
  hear(workers[2].channel);
  for (const Worker& worker : workers) {
    if (worker.pid != workers[0].pid) tell(worker.channel);
    if (join(worker.pid) != 0) return "a worker failed";
    ::close(worker.channel);
  }
  return judge(board);
}

std::string work_together(Board& board) {
  board.seen = 0;
  std::vector<pid_t> workers;
  for (int i = 0; i < 5; ++i) {
    const std::string name = "Worker " + std::to_string(i);
    workers.push_back(start(name, [&] { work(name, board, -1); }));
  }
  for (const pid_t worker : workers) {
    if (join(worker) != 0) return "a worker failed";
  }
  return judge(board);
}

std::string outlive(int16_t flags) {
  const pid_t holder = start("Holder", [&] {
    for (int i = 0; i < kPermits; ++i) change(-1, flags);
    raw::say("Holder", "Acquired both permits");
    ::raise(SIGKILL);
  });
  if (join(holder) != -SIGKILL) return "the holder was not killed";
  const int left = check(::semctl(permits, 0, GETVAL), "semctl");
  raw::say("Main", "Permits left: " + std::to_string(left) + " of 2");
  const timespec most{0, 500'000'000};
  const bool acquired = change(-1, flags, &most);  // [heir]
  raw::say("Main", acquired ? "Acquired a permit of the dead" : "Gave up");
  return acquired == (flags == SEM_UNDO) ? "" : "the permit is not as expected";
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board;
  raw::at_end(remove_and_die);
  make_permits();
  change(kPermits, 0);  // [full] Linux makes it with none.
  raw::say("Main", "Act 1: three workers");
  if (auto problem = work_in_order(board); !problem.empty()) return problem;
  raw::say("Main", "Act 2: 5 workers, and no order");
  if (auto problem = work_together(board); !problem.empty()) return problem;
  raw::say("Main", "Act 3: the holder of a Semaphore is killed");
  if (auto problem = outlive(0); !problem.empty()) return problem;
  change(kPermits, 0);  // Those of act 3 are lost.
  raw::say("Main", "Act 4: the holder of a BoundedSemaphore is killed");
  return outlive(SEM_UNDO);
}

}  // namespace

int main() {
  const int status = raw::run(lesson);
  ::semctl(permits, 0, IPC_RMID);
  return status;
}
