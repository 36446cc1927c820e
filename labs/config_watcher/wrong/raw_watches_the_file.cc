// Wrong: watches the file instead of the folder that it is in.
//
// A save in place is seen. A save by rename gives the name to another file: the
// kernel removes the watch with the old file and says so (IN_IGNORED), which
// looks like another change that was seen. No later change is seen.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

void write_file(const char* name, const std::string& text) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  const int fd = check(::open(name, kFlags, 0600), "open");
  check(retry([&] { return ::write(fd, text.data(), text.size()); }), "write");
  ::close(fd);
}

void monitor(int seen) {
  const int fd = check(::inotify_init1(IN_CLOEXEC), "inotify_init1");
  // It should be ".", the folder.
  check(::inotify_add_watch(fd, "app_config.json", IN_CLOSE_WRITE), "inotify");
  while (true) {
    check(retry([&] { return ::write(seen, "", 1); }), "write");
    std::array<char, 4096> events{};
    check(retry([&] { return ::read(fd, events.data(), events.size()); }),
          "read");
    raw::say("Monitor", "Configuration changed:");
  }
}

std::string lesson(const std::string& folder) {
  check(::chdir(folder.c_str()), "chdir");
  write_file("app_config.json", "{}");
  std::array<int, 2> seen{};
  check(::pipe2(seen.data(), O_CLOEXEC), "pipe2");
  const pid_t self = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) {
    raw::be_child("Monitor", self, [&] { monitor(seen[1]); });
  }
  ::close(seen[1]);
  const auto wait_until_seen = [&] {
    char byte = 0;
    check(retry([&] { return ::read(seen[0], &byte, 1); }), "read");
  };
  wait_until_seen();
  raw::say("Updater", "Made update 1, in place");
  write_file("app_config.json", "{ }");
  for (const char* const number : {"2", "3"}) {
    wait_until_seen();
    raw::say("Updater", std::string("Made update ") + number + ", by rename");
    write_file("app_config.new", "{ }");
    check(::rename("app_config.new", "app_config.json"), "rename");
  }
  wait_until_seen();
  check(::kill(child, SIGTERM), "kill");
  check(retry([&] { return ::waitpid(child, nullptr, 0); }), "waitpid");
  return "";
}

}  // namespace

int main() { return raw::run_in_folder(lesson); }
