// lock_free, its first act, by system calls: mmap, fork, sched_yield, waitid;
// and by four loads and stores, which is all that a ring takes.
//
//   Producer --tail--> [ slot 0, slot 1, slot 2, slot 3 ] --head--> Consumer
//
// Watch for: each counter has one process that stores it. The store of a
// counter comes last and makes all that was done before visible, so a killed
// producer leaves whole items and nothing else.

#include "labs/raw.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr uint64_t kRoom = 4;
constexpr uint64_t kItems = 10;
constexpr time_t kLimitS = 30;

struct Ring {
  std::atomic<uint64_t> tail{0};  // The producer's: how many were put.
  std::atomic<uint64_t> head{0};  // The consumer's: how many were taken.
  std::array<uint64_t, kRoom> slots{};
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

bool try_put(Ring& ring, uint64_t item) {
  const uint64_t tail = ring.tail.load(std::memory_order_relaxed);
  const uint64_t head = ring.head.load(std::memory_order_acquire);
  if (tail - head == kRoom) return false;
  ring.slots.at(tail % kRoom) = item;
  ring.tail.store(tail + 1, std::memory_order_release);  // [publish]
  return true;
}

bool try_get(Ring& ring, uint64_t& item) {
  const uint64_t head = ring.head.load(std::memory_order_relaxed);
  const uint64_t tail = ring.tail.load(std::memory_order_acquire);
  if (tail == head) return false;
  item = ring.slots.at(head % kRoom);
  ring.head.store(head + 1, std::memory_order_release);
  return true;
}

time_t seconds_now() {
  timespec now{};
  check(::clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
  return now.tv_sec;
}

template <typename Ready>
void await(Ready ready) {
  const time_t end = seconds_now() + kLimitS;
  while (!ready()) {
    if (seconds_now() > end) ipc::throw_error(ETIMEDOUT, "await");
    ::sched_yield();  // [yield]
  }
}

std::string counts(const Ring& ring) {
  return std::to_string(ring.tail) + " put, " + std::to_string(ring.head) +
         " taken";
}

void produce(Ring& ring, bool dies_when_full) {
  const auto is_full = [&] { return ring.tail - ring.head == kRoom; };
  if (ring.tail > 0) {
    raw::say("Producer", "Continuing with item " + std::to_string(ring.tail));
  }
  for (uint64_t item = ring.tail; item < kItems; ++item) {
    if (dies_when_full && is_full()) {
      raw::say("Producer", "Full: " + counts(ring));
      ::raise(SIGKILL);
    }
    await([&] { return !is_full(); });
    raw::say("Producer", "Put item " + std::to_string(item) + " into slot " +
                             std::to_string(item % kRoom));
    if (!try_put(ring, item)) ipc::throw_error(ENOBUFS, "try_put");
  }
}

void consume(Ring& ring) {
  uint64_t item = 0;
  for (uint64_t i = 0; i < kItems; ++i) {
    await([&] { return try_get(ring, item); });
    raw::say("Consumer", "Got item " + std::to_string(item) + " from slot " +
                             std::to_string(i % kRoom));
  }
  raw::say("Consumer", "Empty: " + counts(ring));
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

// The exit status, or minus the signal that killed it.
int join(pid_t child) {
  siginfo_t how{};
  check(retry([&] {
          return ::waitid(P_PID, static_cast<id_t>(child), &how, WEXITED);
        }),
        "waitid");
  return how.si_code == CLD_EXITED ? how.si_status : -how.si_status;
}

std::string lesson() {
  void* const page = ::mmap(nullptr, sizeof(Ring), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);  // [mmap]
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  Ring& ring = *new (page) Ring;
  raw::say("Main", "Act 1: a ring, with room for 4 items");
  const pid_t first = start("Producer", [&] { produce(ring, true); });
  if (join(first) != -SIGKILL) return "the producer was not killed";
  raw::say("Main", "The producer was killed by SIGKILL");
  const pid_t next = start("Producer", [&] { produce(ring, false); });
  const pid_t consumer = start("Consumer", [&] { consume(ring); });
  if (join(next) != 0) return "the producer has failed";
  return join(consumer) == 0 ? "" : "the consumer has failed";
}

}  // namespace

int main() { return raw::run(lesson); }
