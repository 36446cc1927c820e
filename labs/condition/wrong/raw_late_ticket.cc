// Wrong: the consumer gives the mutex up before it reads the count of notifies
// that it passes to futex(2).
//
// In between the producer adds an item and notifies. The consumer reads the
// count after that, the kernel finds it unchanged, and the consumer sleeps
// although the item is there: forever, because the notify is over.

#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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

struct Board {
  Word mutex{0};  // 0: free, 1: taken, 2: taken and maybe waited for.
  Word changed{0};
  int items = 0;
  std::array<int, 2> released{};  // Two pipes make the bad order certain.
  std::array<int, 2> notified{};
};

void futex(const Word& word, int operation, uint32_t value) {
  ::syscall(SYS_futex, &word, operation, value, nullptr);
}

void lock(Word& mutex) {
  uint32_t seen = 0;
  if (mutex.compare_exchange_strong(seen, 1)) return;
  while (mutex.exchange(2) != 0) futex(mutex, FUTEX_WAIT, 2);
}

void unlock(Word& mutex) {
  if (mutex.exchange(0) == 2) futex(mutex, FUTEX_WAKE, 1);
}

void tell(const std::array<int, 2>& pipe) {
  check(retry([&] { return ::write(pipe[1], "", 1); }), "write");
}

void hear(const std::array<int, 2>& pipe) {
  char byte = 0;
  check(retry([&] { return ::read(pipe[0], &byte, 1); }), "read");
}

void consume(Board& board) {
  lock(board.mutex);
  raw::say("Consumer 0", "Waiting for data");
  while (board.items == 0) {
    unlock(board.mutex);
    tell(board.released);
    hear(board.notified);
    const uint32_t seen = board.changed;  // Wrong: not before unlock().
    futex(board.changed, FUTEX_WAIT, seen);
    lock(board.mutex);
  }
  raw::say("Consumer 0", "Got item: Important data 1");
  unlock(board.mutex);
}

void produce(Board& board) {
  hear(board.released);
  lock(board.mutex);
  raw::say("Producer", "Added data to the list: Important data 1");
  ++board.items;
  ++board.changed;
  futex(board.changed, FUTEX_WAKE, INT_MAX);
  unlock(board.mutex);
  tell(board.notified);
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

bool ends_well(pid_t child) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return status == 0;
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& board = *new (page) Board;
  check(::pipe2(board.released.data(), O_CLOEXEC), "pipe2");
  check(::pipe2(board.notified.data(), O_CLOEXEC), "pipe2");
  const pid_t consumer = start("Consumer 0", [&] { consume(board); });
  const pid_t producer = start("Producer", [&] { produce(board); });
  if (!ends_well(producer)) return "the producer failed";
  return ends_well(consumer) ? "" : "the consumer failed";
}

}  // namespace

int main() { return raw::run(lesson); }
