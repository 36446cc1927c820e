// Wrong: the file gets its name before its content is on the disk.
//
// No reader can see that: write(2) has changed the file for all of them. But
// the kernel may write the new name to the disk long before the content. If the
// power fails in between, the old content is gone and the new one never came.

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

void write_point(int folder) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  const int fd = check(::openat(folder, "data.new", kFlags, 0600), "openat");
  raw::say("Writer", "Wrote data point 0");
  constexpr std::string_view kText = "0";
  check(retry([&] { return ::write(fd, kText.data(), kText.size()); }),
        "write");
  // Missing: fsync(fd).
  ::close(fd);
  check(::renameat(folder, "data.new", folder, "data"), "renameat");
  check(retry([&] { return ::fsync(folder); }), "fsync");
}

void read_point(int folder) {
  const int fd = check(::openat(folder, "data", O_RDONLY | O_CLOEXEC), "open");
  std::array<char, 1> text{};
  check(retry([&] { return ::read(fd, text.data(), text.size()); }), "read");
  raw::say("Reader", std::string("Received data point ") + text[0] + ": 0");
}

std::string lesson(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const int folder = check(::open(path.c_str(), kFlags), "open");
  for (const bool writes : {true, false}) {
    const pid_t self = ::getpid();
    const pid_t child = check(::fork(), "fork");
    if (child == 0) {
      raw::be_child(writes ? "Writer" : "Reader", self,
                    [&] { writes ? write_point(folder) : read_point(folder); });
    }
    int status = 0;
    check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
    if (status != 0) return "a child failed";
  }
  return "";
}

}  // namespace

int main() { return raw::run_in_folder(lesson); }
