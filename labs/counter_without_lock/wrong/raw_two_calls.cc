// Wrong: the counter is in a file, and the program relies on system calls being
// atomic. Each of them is; but there are two, and a process can come in
// between.

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"
#include "labs/raw_turns.h"

namespace {

using ipc::check;
using ipc::retry;

int read_counter(int file) {
  int counter = 0;
  check(retry([&] { return ::pread(file, &counter, sizeof counter, 0); }),
        "pread");
  return counter;
}

void increment(int file, const std::string& name) {
  const int counter = read_counter(file) + 1;
  raw::point();
  check(retry([&] { return ::pwrite(file, &counter, sizeof counter, 0); }),
        "pwrite");
  raw::say(name, "Incremented counter to " + std::to_string(counter));
}

std::string lesson() {
  const int file =
      check(::memfd_create("counter", MFD_CLOEXEC), "memfd_create");
  check(::ftruncate(file, sizeof(int)), "ftruncate");
  std::vector<raw::Actor> workers;
  for (const char* const name : {"Worker 0", "Worker 1"}) {
    workers.push_back(raw::start(name, [&] { increment(file, name); }));
  }
  raw::play(workers, "ABAB");
  const std::string problem = raw::finish(workers);
  raw::say("Main",
           "Final counter value: " + std::to_string(read_counter(file)));
  return problem;
}

}  // namespace

int main() { return raw::run(lesson); }
