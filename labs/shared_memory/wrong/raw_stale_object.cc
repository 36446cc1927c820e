// Wrong: no O_EXCL. A name that a killed run has left behind is taken for new
// memory, which would hold zeros. So 9 is added to the 7 of that run.

#include <fcntl.h>
#include <signal.h>
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

int64_t& make(const std::string& name) {
  const int fd = check(
      retry([&] { return ::shm_open(name.c_str(), O_RDWR | O_CREAT, 0600); }),
      "shm_open");
  check(retry([&] { return ::ftruncate(fd, sizeof(int64_t)); }), "ftruncate");
  void* const data = ::mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE,
                            MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) ipc::throw_error(errno, "mmap");
  return *static_cast<int64_t*>(data);
}

void write_and_die(const std::string& name) {
  make(name) = 7;
  ::raise(SIGKILL);
}

std::string lesson() {
  const std::string name = "/ipc-labs-raw-" + std::to_string(::getpid());
  std::vector<raw::Actor> actors;
  actors.push_back(raw::start("Yesterday", [&] { write_and_die(name); }));
  raw::play(actors, "A");
  (void)raw::finish(actors);
  int64_t& number = make(name);
  number += 9;
  check(::shm_unlink(name.c_str()), "shm_unlink");
  raw::say("Reader",
           "Torn: 0 of 1 looks, last value " + std::to_string(number));
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
