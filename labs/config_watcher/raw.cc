// config_watcher, by system calls: inotify_add_watch, read, rename, symlink.
//
//   Updater --- saves ---> app_config.json <--- looks --- Monitor
//           <------ one byte for each change it saw ------
//
// Watch for: the watch is on the folder, since a watch on the file would stay
// with the old file after the first rename; and IN_Q_OVERFLOW has no file name.
// This is the second act of the lab. What a file needs to survive a power
// failure is in labs/file_ipc/raw.cc.

#include "labs/raw.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr const char* kFile = "app_config.json";

int open_file(const char* name, int flags) {
  return retry([&] { return ::open(name, flags | O_CLOEXEC, 0600); });
}

void write_file(const char* name, std::string text) {
  const int fd = check(open_file(name, O_WRONLY | O_CREAT | O_TRUNC), "open");
  while (!text.empty()) {
    const ssize_t size = check(
        retry([&] { return ::write(fd, text.data(), text.size()); }), "write");
    text.erase(0, static_cast<size_t>(size));
  }
  ::close(fd);  // [close-write]
}

void save_by_rename(const std::string& text) {
  write_file("app_config.new", text);
  check(::rename("app_config.new", kFile), "rename");
}

void save_by_link(const std::string& text) {
  write_file("app_config.new", text);
  check(::symlink("app_config.new", "app_config.link"), "symlink");
  check(::rename("app_config.link", kFile), "rename");
}

// "" if there is no such file.
std::string read_file() {
  const int fd = open_file(kFile, O_RDONLY);
  if (fd == -1 && errno == ENOENT) return "";
  check(fd, "open");
  std::string text;
  std::string piece(4096, '\0');
  while (const ssize_t size = check(
             retry([&] { return ::read(fd, piece.data(), piece.size()); }),
             "read")) {
    text.append(piece, 0, static_cast<size_t>(size));
  }
  ::close(fd);
  return text;
}

std::string to_json(const std::string& level, int connections) {
  return R"({"log_level": ")" + level + R"(", "max_connections": )" +
         std::to_string(connections) + "}\n";
}

// Says what has become of the file; `level` is that of the last good one. Here
// one key tells good from bad; a real program uses a JSON parser.
void report(const std::string& text, std::string& level) {
  constexpr std::string_view kKey = R"("log_level": ")";
  const size_t place = text.find(kKey);
  if (place != std::string::npos) {
    const size_t begin = place + kKey.size();
    level = text.substr(begin, text.find('"', begin) - begin);
    return raw::say("Monitor", "Configuration changed:");
  }
  const char* const problem =
      text.empty() ? "is gone" : "has invalid JSON format";
  raw::say("Monitor", std::string("Config file ") + problem +
                          "; log level stays " + level);
}

// Takes the events that there are, or waits for the first. Returns whether one
// of them is about our file, or may be.
bool is_news(int watch) {
  alignas(inotify_event) std::array<char, 4096> events{};
  const ssize_t size =
      check(retry([&] { return ::read(watch, events.data(), events.size()); }),
            "read");
  bool is_news = false;
  for (ssize_t at = 0; at < size;) {
    const auto* const event =
        reinterpret_cast<const inotify_event*>(events.data() + at);
    const std::string_view name = event->len > 0 ? event->name : "";
    if (name == kFile) is_news = true;
    if ((event->mask & IN_Q_OVERFLOW) != 0) is_news = true;  // [overflow]
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  return is_news;
}

// Sends one byte when it begins, and one for each change that it has reported:
// how often it has looked.
[[noreturn]] void watch(int seen) {
  raw::say("Monitor", "Watching app_config.json for changes");
  const int fd = check(::inotify_init1(IN_CLOEXEC), "inotify_init1");
  constexpr uint32_t kEvents =
      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
  check(::inotify_add_watch(fd, ".", kEvents), "inotify");  // [folder]
  std::string last;
  std::string level = "INFO";
  for (uint8_t looks = 1;; ++looks) {  // Once before any event.
    const std::string text = read_file();
    if (text != last) report(text, level);
    if (text != last || looks == 1) {
      check(retry([&] { return ::write(seen, &looks, 1); }), "write");
    }
    last = text;
    while (!is_news(fd)) {
    }
  }
}

int wait_until_seen(int seen) {
  uint8_t looks = 0;
  if (check(retry([&] { return ::read(seen, &looks, 1); }), "read") == 0) {
    ipc::throw_error(EPIPE, "read: the monitor has ended");
  }
  return looks;
}

void use_editors(int seen) {
  const auto save = [&](const char* what, void (*how)(const std::string&),
                        const std::string& text) {
    wait_until_seen(seen);  // The change before this one.
    raw::say("Updater", what);
    how(text);
  };
  const auto in_place = [](const std::string& text) {
    write_file(kFile, text);
  };
  save("Wrote initial configuration", save_by_rename, to_json("INFO", 10));
  save("Made update 1, in place", in_place, to_json("DEBUG", 10));
  save("Made a mistake", in_place, "{\"log_level\": ERROR}");
  save("Made update 2, with a new file", save_by_rename, to_json("DEBUG", 20));
  save("Made update 3, with a link", save_by_link, to_json("DEBUG", 30));
  save(
      "Removed the file", [](const std::string&) { ::unlink(kFile); }, "");
  save("Made update 4, with a new file", save_by_rename, to_json("DEBUG", 40));
  raw::say("Updater", "Finished making updates");
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

// Returns the exit status, or minus the signal that killed the child.
int join(pid_t child) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string lesson(const std::string& folder) {
  raw::say("Main", "Act 2: the kernel tells the monitor");
  check(::chdir(folder.c_str()), "chdir");
  std::array<int, 2> seen{};
  check(::pipe2(seen.data(), O_CLOEXEC), "pipe2");
  const pid_t monitor = start("Monitor", [&] { watch(seen[1]); });
  ::close(seen[1]);  // Only the monitor has it: its death is end of file.
  const pid_t updater = start("Updater", [&] { use_editors(seen[0]); });
  if (join(updater) != 0) return "the updater failed";
  const int looks = wait_until_seen(seen[0]);
  check(::kill(monitor, SIGTERM), "kill");
  if (join(monitor) != -SIGTERM) return "the monitor failed";
  raw::say("Main", "Updates complete, the monitor looked " +
                       std::to_string(looks) + " times");
  raw::say("Main", "All done!");
  return "";
}

}  // namespace

int main() { return raw::run_in_folder(lesson); }
