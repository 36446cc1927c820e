// shared_memory by system calls: shm_open, fallocate, mmap, munmap, shm_unlink.
//
//   Writer --sets--> [ sequence | 10 numbers ] <--copies-- Reader
//                     /dev/shm/ipc-labs-raw-...
//
// Watch for: O_EXCL, so that the object is new and not left by an earlier run;
// and its size, which it has before any other process can open it.

#include "labs/raw.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw_turns.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr size_t kNumbers = 10;
constexpr int kLooks = 20;
using Numbers = std::array<int64_t, kNumbers>;

// The orders of memory are explained in board.h.
struct Board {
  std::atomic<uint64_t> sequence{0};  // Odd while the numbers change.
  std::array<std::atomic<int64_t>, kNumbers> numbers{};
};

const pid_t owner = ::getpid();
std::array<char, 64> name{};  // Begins with a slash, as shm_open(3) wants it.

// Removes the name before a signal ends us; a child only ends.
void remove_name(int signal_number) {
  if (::getpid() == owner) ::shm_unlink(name.data());
  ::raise(signal_number);
}

// As shm_open(3): -1 if it fails.
int open_board(int flags) {
  return retry([&] { return ::shm_open(name.data(), flags, 0600); });
}

Board& map(int fd, int protection) {
  check(fd, "shm_open");
  void* const data =
      ::mmap(nullptr, sizeof(Board), protection, MAP_SHARED, fd, 0);  // [map]
  if (data == MAP_FAILED) ipc::throw_error(errno, "mmap");
  return *static_cast<Board*>(data);
}

// A new object, of the right size, under a name that was free.
int create_board() {
  raw::at_end(remove_name);
  int fd = -1;
  for (int number = 0; fd == -1; ++number) {
    ::snprintf(name.data(), name.size(), "/ipc-labs-raw-%d-%d", owner, number);
    fd = open_board(O_RDWR | O_CREAT | O_EXCL);  // [excl]
    if (fd == -1 && errno != EEXIST) ipc::throw_error(errno, "shm_open");
  }
  check(retry([&] { return ::fallocate(fd, 0, 0, sizeof(Board)); }),
        "fallocate");  // [size]
  return fd;
}

void write_numbers(bool use_sequence) {
  Board& board = map(open_board(O_RDWR), PROT_READ | PROT_WRITE);
  for (int number = 0; number <= 9; ++number) {
    if (use_sequence) board.sequence.fetch_add(1, std::memory_order_relaxed);
    for (size_t i = 0; i < kNumbers; ++i) {
      if (i == kNumbers / 2) raw::point();  // Half filled.
      board.numbers[i].store(number, std::memory_order_release);
    }
    raw::say("Writer", "Set shared memory to " + std::to_string(number));
    if (use_sequence) board.sequence.fetch_add(1, std::memory_order_release);
    raw::point();
  }
}

std::string shown(const Numbers& numbers) {
  std::string text;
  for (const int64_t number : numbers) {
    text += (text.empty() ? "[" : ", ") + std::to_string(number);
  }
  return text + "]";
}

// Copies the numbers; false if they were changed meanwhile.
bool copy(const Board& board, Numbers& numbers) {
  const uint64_t before = board.sequence.load(std::memory_order_acquire);
  for (size_t i = 0; i < kNumbers; ++i) {
    numbers[i] = board.numbers[i].load(std::memory_order_acquire);
  }
  const uint64_t after = board.sequence.load(std::memory_order_relaxed);
  return before % 2 == 0 && before == after;
}

// The reader may not write: its mapping does not allow it.
void read_numbers(bool use_sequence) {
  const Board& board = map(open_board(O_RDONLY), PROT_READ);  // [read-only]
  int torn = 0;
  Numbers seen{};
  for (int look = 0; look < kLooks; ++look) {
    if (look > 0) raw::point();
    Numbers copied{};
    if (!copy(board, copied) && use_sequence) continue;
    seen = copied;
    const bool whole = seen.front() == seen.back();
    if (!whole) ++torn;
    raw::say("Reader", whole ? "Saw " + std::to_string(seen.front())
                             : "Saw " + shown(seen) + ", which nobody wrote");
  }
  raw::say("Reader", "Torn: " + std::to_string(torn) + " of " +
                         std::to_string(kLooks) + " looks, last value " +
                         std::to_string(seen.front()) +
                         (use_sequence ? "" : " (without sequence)"));
}

// The reader looks after each step of the writer: halfway, set, halfway, ...
std::string play(bool use_sequence) {
  std::vector<raw::Actor> actors;
  actors.push_back(raw::start("Writer", [&] { write_numbers(use_sequence); }));
  actors.push_back(raw::start("Reader", [&] { read_numbers(use_sequence); }));
  std::string order = "A";
  for (int i = 0; i < kLooks; ++i) order += "BA";
  raw::play(actors, order);
  return raw::finish(actors);
}

void say_how(const char* what, bool works) {
  const char* const how = works ? "it works" : ::strerror(errno);
  raw::say("Main", std::string(what) + ": " + how);
}

// What close ends, and what unlink does.
void close_and_unlink(int fd, Board& ours) {
  const Board& theirs = map(open_board(O_RDONLY), PROT_READ);
  check(::munmap(&ours, sizeof ours), "munmap");
  ::close(fd);
  void* const data = ::mmap(nullptr, sizeof ours, PROT_READ, MAP_SHARED, fd, 0);
  say_how("Access after close", data != MAP_FAILED);
  say_how("Open after close", open_board(O_RDONLY) != -1);
  check(::shm_unlink(name.data()), "shm_unlink");  // [unlink]
  say_how("Open after unlink", open_board(O_RDONLY) != -1);
  Numbers numbers{};
  copy(theirs, numbers);
  raw::say("Main", "Read after unlink: " + std::to_string(numbers.front()));
}

std::string lesson() {
  const int fd = create_board();
  Board& board = *new (&map(fd, PROT_READ | PROT_WRITE)) Board;
  raw::say("Main", "Act 1: copied without looking at the sequence");
  std::string problem = play(false);
  raw::say("Main", "Act 2: copied again if the sequence has changed");
  if (problem.empty()) problem = play(true);
  raw::say("Main", "Act 3: close and unlink");
  close_and_unlink(fd, board);
  return problem;
}

}  // namespace

int main() {
  const int status = raw::run(lesson);
  ::shm_unlink(name.data());  // If it ended before act 3.
  return status;
}
