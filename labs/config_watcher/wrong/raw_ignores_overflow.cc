// Wrong: looks only when an event names the file.
//
// The kernel keeps a limited number of events for a slow reader (16,384 unless
// the machine is configured differently). Then it adds one event without a
// name, which means that others are lost: here the rename. It is the last
// event, so the monitor waits forever.

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
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

void make_file(const char* name) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  ::close(check(::open(name, kFlags, 0600), "open"));
}

// More than the kernel keeps: two for each file.
void make_events() {
  constexpr const char* kLimit = "/proc/sys/fs/inotify/max_queued_events";
  const int fd = check(::open(kLimit, O_RDONLY | O_CLOEXEC), "open");
  std::string text(20, '\0');
  check(retry([&] { return ::read(fd, text.data(), text.size()); }), "read");
  ::close(fd);
  for (int i = std::stoi(text) / 2 + 1; i > 0; --i) {
    make_file("other");
    check(::unlink("other"), "unlink");
  }
}

void monitor(int fd) {
  raw::say("Monitor", "Watching app_config.json for changes");
  while (true) {
    alignas(inotify_event) std::array<char, 4096> events{};
    const ssize_t size =
        check(retry([&] { return ::read(fd, events.data(), events.size()); }),
              "read");
    for (ssize_t at = 0; at < size;) {
      const auto* const event =
          reinterpret_cast<const inotify_event*>(events.data() + at);
      // Missing: or the mask has IN_Q_OVERFLOW.
      const std::string_view name = event->len > 0 ? event->name : "";
      if (name == "app_config.json") {
        return raw::say("Monitor", "Configuration changed:");
      }
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

std::string lesson(const std::string& folder) {
  check(::chdir(folder.c_str()), "chdir");
  const int fd = check(::inotify_init1(IN_CLOEXEC), "inotify_init1");
  constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE;
  check(::inotify_add_watch(fd, ".", kEvents), "inotify");
  make_events();  // The monitor is slow: it has not even begun.
  make_file("app_config.new");
  raw::say("Updater", "Made update 1");
  check(::rename("app_config.new", "app_config.json"), "rename");
  const pid_t self = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child("Monitor", self, [&] { monitor(fd); });
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return status == 0 ? "" : "the monitor failed";
}

}  // namespace

int main() { return raw::run_in_folder(lesson); }
