// Wrong: the object is found before it has a size. shm_open makes a file of 0
// bytes, and mmap does not mind: it is the first access that ends in SIGBUS.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"
#include "labs/raw_turns.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr size_t kSize = 10 * sizeof(int64_t);

void make(const std::string& name) {
  const int fd =
      check(retry([&] {
              return ::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
            }),
            "shm_open");
  raw::point();  // Too late: a process that comes now finds no memory.
  check(retry([&] { return ::ftruncate(fd, kSize); }), "ftruncate");
}

void read(const std::string& name) {
  const int fd = check(
      retry([&] { return ::shm_open(name.c_str(), O_RDONLY, 0); }), "shm_open");
  check(::shm_unlink(name.c_str()), "shm_unlink");
  void* const data = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) ipc::throw_error(errno, "mmap");
  const int64_t number = *static_cast<const volatile int64_t*>(data);
  raw::say("Reader", "Saw " + std::to_string(number));
}

std::string lesson() {
  const std::string name = "/ipc-labs-raw-" + std::to_string(::getpid());
  std::vector<raw::Actor> actors;
  actors.push_back(raw::start("Writer", [&] { make(name); }));
  actors.push_back(raw::start("Reader", [&] { read(name); }));
  raw::play(actors, "ABA");
  return raw::finish(actors);
}

}  // namespace

int main() { return raw::run(lesson); }
