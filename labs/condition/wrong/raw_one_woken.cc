// Wrong: consumers wait for an item and the producer for room, all on the same
// word, and each change wakes one of them.
//
// The kernel wakes the process that has slept longest. Consumer 0 has taken the
// item and made room, and wakes consumer 1, which cannot use room. The producer
// could, but it is not woken, and consumer 1 sleeps again.

#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <new>
#include <string>
#include <utility>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;
using Word = std::atomic<uint32_t>;

struct Place {
  Word mutex{0};  // 0: free, 1: taken, 2: taken and maybe waited for.
  Word changed{0};
  Word ended{0};  // How many have ended.
  int item = 0;   // 0: there is none.
};

int64_t futex(const Word& word, int operation, uint32_t value) {
  return ::syscall(SYS_futex, &word, operation, value, nullptr);
}

void lock(Word& mutex) {
  uint32_t seen = 0;
  if (mutex.compare_exchange_strong(seen, 1)) return;
  while (mutex.exchange(2) != 0) futex(mutex, FUTEX_WAIT, 2);
}

void unlock(Word& mutex) {
  if (mutex.exchange(0) == 2) futex(mutex, FUTEX_WAKE, 1);
}

// How many processes sleep on the word. The call moves them from the word to
// the same word, only because it returns how many there are.
int64_t sleepers(const Word& word) {
  return ::syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 0, INT_MAX, &word,
                   word.load());
}

// Waits until `count` processes sleep or have ended.
void await_quiet(const Place& place, int count) {
  while (sleepers(place.changed) + place.ended < count) ::sched_yield();
}

// After its sleep the process waits until `others` processes are quiet, so that
// the order is always the same.
void sleep(Place& place, int others) {
  const uint32_t seen = place.changed;
  unlock(place.mutex);
  futex(place.changed, FUTEX_WAIT, seen);
  await_quiet(place, others);
  lock(place.mutex);
}

void notify(Place& place) {
  ++place.changed;
  futex(place.changed, FUTEX_WAKE, 1);  // Wrong: not INT_MAX.
}

void take(const std::string& name, Place& place, int others) {
  lock(place.mutex);
  raw::say(name, "Waiting for an item");
  while (place.item == 0) sleep(place, others);
  const std::string item = std::to_string(std::exchange(place.item, 0));
  raw::say(name, "Took item " + item);
  notify(place);
  unlock(place.mutex);
  ++place.ended;
}

void put_both(Place& place) {
  lock(place.mutex);
  for (const int item : {1, 2}) {
    while (place.item != 0) sleep(place, 0);
    raw::say("Producer", "Put item " + std::to_string(item));
    place.item = item;
    notify(place);
  }
  unlock(place.mutex);
  ++place.ended;
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Place), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& place = *new (page) Place;
  const pid_t consumer_0 =
      start("Consumer 0", [&] { take("Consumer 0", place, 2); });
  await_quiet(place, 1);
  const pid_t consumer_1 =
      start("Consumer 1", [&] { take("Consumer 1", place, 0); });
  await_quiet(place, 2);
  const pid_t producer = start("Producer", [&] { put_both(place); });
  for (const pid_t child : {consumer_0, consumer_1, producer}) {
    int status = 0;
    check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
    if (status != 0) return "a process failed";
  }
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
