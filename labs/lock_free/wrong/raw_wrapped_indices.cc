// Wrong: indices that wrap around to 0, in place of counters.
//
// After four items the producer's index is what it was at the start. That is
// what an empty ring looks like, so the producer never finds it full, and
// overwrites items that were not taken yet.

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr unsigned kRoom = 4;
constexpr unsigned kItems = 6;

struct Ring {
  std::array<unsigned, kRoom> slots{};
  std::atomic<unsigned> in{0};   // Where the next item goes.
  std::atomic<unsigned> out{0};  // Where the oldest one is.
};

void produce(Ring& ring) {
  for (unsigned item = 0; item < kItems; ++item) {
    const unsigned in = ring.in;
    raw::say("Producer", "Put item " + std::to_string(item) + " into slot " +
                             std::to_string(in));
    ring.slots.at(in) = item;
    ring.in = (in + 1) % kRoom;
  }
}

void consume(Ring& ring) {
  while (ring.in != ring.out) {
    const unsigned out = ring.out;
    raw::say("Consumer", "Got item " + std::to_string(ring.slots.at(out)) +
                             " from slot " + std::to_string(out));
    ring.out = (out + 1) % kRoom;
  }
}

template <typename Role>
bool run(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return status == 0;
}

std::string lesson() {
  void* const page = ::mmap(nullptr, sizeof(Ring), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  Ring& ring = *new (page) Ring;
  if (!run("Producer", [&] { produce(ring); })) return "the producer failed";
  return run("Consumer", [&] { consume(ring); }) ? "" : "the consumer failed";
}

}  // namespace

int main() { return raw::run(lesson); }
