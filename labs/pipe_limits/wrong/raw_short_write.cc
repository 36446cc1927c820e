// Wrong: a write to a non-blocking pipe is taken for a whole one. It writes
// what fits and returns how much that was, but this program only looks for an
// error.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr size_t kSizeBytes = 32 << 20;  // More than any buffer holds.

void receive_all(int reader) {
  std::vector<char> bytes(1 << 16);
  size_t total_bytes = 0;
  while (const ssize_t size = check(
             retry([&] { return ::read(reader, bytes.data(), bytes.size()); }),
             "read")) {
    total_bytes += static_cast<size_t>(size);
  }
  raw::say("Right", "Got " + std::to_string(total_bytes) + " bytes");
}

std::string lesson() {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const pid_t self = ::getpid();
  const pid_t right = check(::fork(), "fork");
  if (right == 0) {
    ::close(ends[1]);
    raw::be_child("Right", self, [&] { receive_all(ends[0]); });
  }
  check(::fcntl(ends[1], F_SETFL, O_NONBLOCK), "fcntl");
  const std::string bytes(kSizeBytes, 'x');
  check(retry([&] { return ::write(ends[1], bytes.data(), bytes.size()); }),
        "write");  // The result is dropped.
  raw::say("Main", "Sent " + std::to_string(kSizeBytes) + " bytes");
  ::close(ends[1]);
  int status = 0;
  check(retry([&] { return ::waitpid(right, &status, 0); }), "waitpid");
  return status == 0 ? "" : "the receiver failed";
}

}  // namespace

int main() { return raw::run(lesson); }
