// Wrong: the waiter looks at the word, and then asks the kernel to let it sleep
// if the word is as it is now, instead of as it was when the waiter looked.
//
// The event is set in between. The kernel compares the word with itself, finds
// it unchanged, and lets the waiter sleep: forever, as the wake-up is over.

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

void hear(int fd) {
  char byte = 0;
  check(retry([&] { return ::read(fd, &byte, 1); }), "read");
}

void tell(int fd) {
  check(retry([&] { return ::write(fd, "", 1); }), "write");
}

void wait_for(Word& event, int has_looked, int is_set) {
  raw::say("Waiter 0", "Waiting for the event");
  while (event == 0) {
    tell(has_looked);  // These two lines make the bad order certain.
    hear(is_set);
    const uint32_t expected = event;  // Wrong: what `while` has seen is 0.
    ::syscall(SYS_futex, &event, FUTEX_WAIT, expected, nullptr);
  }
  raw::say("Waiter 0", "Received the event notification");
}

void set(Word& event, int has_looked, int is_set) {
  hear(has_looked);
  raw::say("Setter", "Setting the event");
  event = 1;
  check(
      retry([&] { return ::syscall(SYS_futex, &event, FUTEX_WAKE, INT_MAX); }),
      "futex");
  tell(is_set);
}

std::string lesson() {
  void* page = ::mmap(nullptr, sizeof(Word), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) ipc::throw_error(errno, "mmap");
  auto& event = *new (page) Word(0);
  std::array<int, 2> looked{};
  std::array<int, 2> done{};
  check(::pipe2(looked.data(), O_CLOEXEC), "pipe2");
  check(::pipe2(done.data(), O_CLOEXEC), "pipe2");
  const pid_t self = ::getpid();
  const pid_t waiter = check(::fork(), "fork");
  if (waiter == 0) {
    raw::be_child("Waiter 0", self,
                  [&] { wait_for(event, looked[1], done[0]); });
  }
  const pid_t setter = check(::fork(), "fork");
  if (setter == 0) {
    raw::be_child("Setter", self, [&] { set(event, looked[0], done[1]); });
  }
  for (const pid_t child : {waiter, setter}) {
    int status = 0;
    check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
    if (status != 0) return "a process failed";
  }
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
