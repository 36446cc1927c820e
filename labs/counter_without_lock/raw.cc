// counter_without_lock by system calls: mmap, fork, and, to make the order of
// the steps, a socket pair for each worker, on which it gets its turns.
//
//   Worker 0 --load, add, store--> [ counter ] <--load, add, store-- Worker 1
//
// Watch for: a worker waits for a turn between its load and its store. So the
// update is lost on every run, and nothing is left to luck. In the race no
// worker waits, and how many updates are lost is different on each run.

#include "labs/raw.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;
using Counter = std::atomic<int>;

constexpr int kIncrements = 1'000'000;
constexpr char kTurn = 't';
constexpr char kDone = 'd';

struct Worker {
  std::string name;
  pid_t pid = -1;
  int turns = -1;  // Main's end of the socket pair.
};

void send_byte(int fd, char byte) {
  check(retry([&] { return ::send(fd, &byte, 1, MSG_NOSIGNAL); }), "send");
}

void receive_byte(int fd) {
  char byte = 0;
  if (check(retry([&] { return ::recv(fd, &byte, 1, 0); }), "recv") == 0) {
    ipc::throw_error(EPIPE, "recv: the other process has ended");
  }
}

// Relaxed: no other memory depends on the counter.
int load(const Counter& counter) {
  return counter.load(std::memory_order_relaxed);
}

void store(Counter& counter, int value) {
  counter.store(value, std::memory_order_relaxed);
}

// One increment of two steps, each of which waits for its turn.
void increment(Counter& counter, const std::string& name, int turns) {
  receive_byte(turns);
  const int seen = load(counter);
  raw::say(name, "Loaded " + std::to_string(seen));
  send_byte(turns, kDone);
  receive_byte(turns);  // [between]
  store(counter, seen + 1);
  raw::say(name,
           "Incremented counter to " + std::to_string(seen + 1) + " (unsafe)");
  send_byte(turns, kDone);
}

// As fast as it can, from its first turn on.
void compete(Counter& counter, int turns) {
  receive_byte(turns);
  for (int i = 0; i < kIncrements; ++i) store(counter, load(counter) + 1);
}

Counter& make_counter() {
  void* const page = ::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);  // [mmap]
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  return *new (page) Counter(0);
}

template <typename Role>
std::vector<Worker> start_two(Role role) {
  std::vector<Worker> workers;
  for (const char* const name : {"Worker 0", "Worker 1"}) {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
          "socketpair");
    const pid_t parent = ::getpid();
    const pid_t child = check(::fork(), "fork");
    if (child == 0) raw::be_child(name, parent, [&] { role(name, ends[1]); });
    ::close(ends[1]);
    workers.push_back({name, child, ends[0]});
  }
  return workers;
}

// Waits for the workers, and prints how many of their updates are lost. Returns
// what went wrong, or "".
std::string tell(const std::vector<Worker>& workers, Counter& counter,
                 int updates) {
  for (const Worker& worker : workers) {
    int status = 0;
    check(retry([&] { return ::waitpid(worker.pid, &status, 0); }), "waitpid");
    ::close(worker.turns);
    if (status != 0) return worker.name + " failed";
  }
  const int final = load(counter);
  check(::munmap(&counter, sizeof counter), "munmap");
  const int lost = updates - final;
  raw::say("Main",
           "Final counter value (without lock): " + std::to_string(final));
  std::array<char, 80> line{};
  ::snprintf(line.data(), line.size(), "Lost %d of %d updates (%.1f %%)", lost,
             updates, 100.0 * lost / updates);
  raw::say("Main", line.data());
  return lost == 0 && updates == 2 ? "no update was lost" : "";
}

std::string play(const std::string& order) {
  Counter& counter = make_counter();
  raw::say("Main", "Order " + order);
  const std::vector<Worker> workers = start_two(
      [&](const char* name, int turns) { increment(counter, name, turns); });
  for (const char letter : order) {
    const Worker& worker = workers[letter == 'A' ? 0 : 1];
    send_byte(worker.turns, kTurn);
    receive_byte(worker.turns);  // [done]
  }
  return tell(workers, counter, 2);
}

std::string race() {
  Counter& counter = make_counter();
  raw::say("Main",
           "Now 2 workers, " + std::to_string(kIncrements) + " times each");
  const std::vector<Worker> workers = start_two(
      [&](const char* /*name*/, int turns) { compete(counter, turns); });
  for (const Worker& worker : workers) send_byte(worker.turns, kTurn);
  return tell(workers, counter, 2 * kIncrements);
}

std::string lesson() {
  std::string problem = play("ABAB");
  return problem.empty() ? race() : problem;
}

}  // namespace

int main() { return raw::run(lesson); }
