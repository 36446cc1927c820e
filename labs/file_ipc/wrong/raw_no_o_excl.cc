// Wrong: one call looks whether there is a lock file, and another call makes
// it.
//
// Two writers may both look before either of them makes it, and then both own
// the file. O_CREAT | O_EXCL does both in one call, and fails for the second
// writer. The order is arranged here, by stopping the first writer after its
// look.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

void write_point(int folder, int number, bool stops) {
  if (::faccessat(folder, "data.lock", F_OK, 0) == 0) {
    return raw::say("Writer", "There is a lock file: another writer");
  }
  raw::say("Writer", "There is no lock file: no other writer");
  if (stops) ::raise(SIGSTOP);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC;  // Missing: O_EXCL.
  check(::openat(folder, "data.lock", kFlags, 0600), "openat");
  const std::string text = std::to_string(number);
  raw::say("Writer", "Wrote data point " + text);
  const int fd = check(::openat(folder, "data.new", kFlags, 0600), "openat");
  check(retry([&] { return ::write(fd, text.data(), text.size()); }), "write");
  check(retry([&] { return ::fsync(fd); }), "fsync");
  check(::renameat(folder, "data.new", folder, "data"), "renameat");
  check(retry([&] { return ::fsync(folder); }), "fsync");
}

void read_point(int folder) {
  const int fd = check(::openat(folder, "data", O_RDONLY | O_CLOEXEC), "open");
  std::array<char, 1> text{};
  check(retry([&] { return ::read(fd, text.data(), text.size()); }), "read");
  const int number = text[0] - '0';
  raw::say("Reader", "Received data point " + std::to_string(number) + ": " +
                         std::to_string(number * 10));
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

void await(pid_t child, int what) {
  siginfo_t how{};
  check(retry([&] {
          return ::waitid(P_PID, static_cast<id_t>(child), &how, what);
        }),
        "waitid");
}

std::string lesson(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const int folder = check(::open(path.c_str(), kFlags), "open");
  const pid_t first = start("Writer", [&] { write_point(folder, 1, true); });
  await(first, WSTOPPED);
  await(start("Writer", [&] { write_point(folder, 0, false); }), WEXITED);
  check(::kill(first, SIGCONT), "kill");
  await(first, WEXITED);
  await(start("Reader", [&] { read_point(folder); }), WEXITED);
  return "";
}

}  // namespace

int main() { return raw::run_in_folder(lesson); }
