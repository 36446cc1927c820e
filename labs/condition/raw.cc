// condition, by system calls: mmap, futex.
//
//   Producer --add, notify---> [ list ] <--wait, take-- Consumer 0..2
//   Main ------stop, notify--> [ stop ]                 all with the mutex
//
// Watch for: a process that waits reads the count of notifies while it still
// holds the mutex, and sleeps only while that count has not changed.
// Left out: acts 4 and 5, and a mutex that outlives its owner. If a process is
// killed while it holds this one, the mutex stays locked forever.

#include "labs/raw.h"

#include <linux/futex.h>
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
#include <vector>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;
using Word = std::atomic<uint32_t>;

constexpr int kConsumers = 3;

struct Board {
  explicit Board(int count) : consumers(count) {}

  int consumers;    // How many there will be.
  Word mutex{0};    // 0: free, 1: taken, 2: taken and maybe waited for.
  Word changed{0};  // How often a process has notified.
  std::array<int, 3> items{};
  size_t added = 0;
  size_t taken = 0;
  int waiting = 0;
  bool stopped = false;
};

// Sleeps while the word is `seen`; false if the deadline has passed.
bool futex_wait(const Word& word, uint32_t seen, const timespec* deadline) {
  const auto result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, seen,
                                deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
  if (result == 0 || errno == EAGAIN || errno == EINTR) return true;
  if (errno == ETIMEDOUT) return false;
  ipc::throw_error(errno, "futex");
}

void futex_wake(const Word& word, int count) {
  const auto attempt = [&] {
    return ::syscall(SYS_futex, &word, FUTEX_WAKE, count);
  };
  check(retry(attempt), "futex");
}

// See Drepper, "Futexes Are Tricky", 2011, section 5, for why there are three
// values.
void lock(Word& mutex) {
  uint32_t seen = 0;
  if (mutex.compare_exchange_strong(seen, 1)) return;
  while (mutex.exchange(2) != 0) futex_wait(mutex, 2, nullptr);  // [lock]
}

void unlock(Word& mutex) {
  if (mutex.exchange(0) == 2) futex_wake(mutex, 1);  // [unlock]
}

// Gives the mutex up, sleeps, and takes it again; false if the deadline has
// passed. Its return does not mean that the awaited change came: look again.
bool sleep(Board& board, const timespec* deadline) {
  const uint32_t seen = board.changed;  // [ticket] Before the mutex is free.
  unlock(board.mutex);
  const bool in_time = futex_wait(board.changed, seen, deadline);  // [sleep]
  lock(board.mutex);
  return in_time;
}

void notify_all(Board& board) {
  ++board.changed;  // [notify]
  futex_wake(board.changed, INT_MAX);
}

void consume(const std::string& name, Board& board, const timespec* deadline) {
  lock(board.mutex);
  raw::say(name, "Waiting for data");
  ++board.waiting;
  notify_all(board);
  const auto usable = [&] {
    return board.taken < board.added || board.stopped;
  };
  while (!usable() && sleep(board, deadline)) continue;  // [wait]
  if (!usable()) {
    raw::say(name, "No data in time");
  } else if (board.taken < board.added) {
    const std::string item = std::to_string(board.items[board.taken++]);
    raw::say(name, "Got item: Important data " + item);
  } else {
    raw::say(name, "Told to stop: no data will come");
  }
  unlock(board.mutex);
}

void produce(Board& board, int items) {
  lock(board.mutex);
  while (board.waiting < board.consumers) sleep(board, nullptr);
  for (int item = 1; item <= items; ++item) {
    raw::say("Producer",
             "Added data to the list: Important data " + std::to_string(item));
    board.items[board.added++] = item;
  }
  notify_all(board);
  unlock(board.mutex);
}

void stop(Board& board) {
  lock(board.mutex);
  board.stopped = true;
  notify_all(board);
  unlock(board.mutex);
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

std::string wait_in_vain(Board& board) {
  const pid_t consumer = start("Consumer 0", [&] {
    timespec deadline{};
    check(::clock_gettime(CLOCK_MONOTONIC, &deadline), "clock_gettime");
    ++deadline.tv_sec;
    consume("Consumer 0", board, &deadline);
  });
  return join(consumer) == 0 ? "" : "the consumer of act 1 failed";
}

std::string play(Board& board, int items) {
  std::vector<pid_t> consumers;
  for (int i = 0; i < board.consumers; ++i) {
    const std::string name = "Consumer " + std::to_string(i);
    consumers.push_back(start(name, [&] { consume(name, board, nullptr); }));
  }
  const int status = join(start("Producer", [&] { produce(board, items); }));
  if (status != 0) return "the producer failed";
  raw::say("Main", "The producer has ended: exit status 0");
  stop(board);
  for (const pid_t consumer : consumers) {
    if (join(consumer) != 0) return "a consumer failed";
  }
  raw::say("Main", "Added " + std::to_string(board.added) + ", taken " +
                       std::to_string(board.taken));
  return "";
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  raw::say("Main", "Act 1: no item is added");
  if (auto problem = wait_in_vain(*new (page) Board(1)); !problem.empty()) {
    return problem;
  }
  raw::say("Main", "Act 2: 3 items for 3 consumers");
  if (auto problem = play(*new (page) Board(kConsumers), 3); !problem.empty()) {
    return problem;
  }
  raw::say("Main", "Act 3: one item for 3 consumers");
  return play(*new (page) Board(kConsumers), 1);
}

}  // namespace

int main() { return raw::run(lesson); }
