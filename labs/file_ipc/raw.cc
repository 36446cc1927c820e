// file_ipc, by system calls: openat, write, fsync, renameat, fcntl, inotify.
//
//   Writer ---- data.json ----> Reader       each file has one writer, is
//          <-- acknowledged ---              replaced as a whole, and says
//                                            which data point it is about
//
// Watch for: five calls to replace a file, in this order; and the lock, which
// ends with its process, whereas a file that says "locked" would stay.

#include "labs/raw.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr int kPoints = 5;
constexpr int kPatienceMs = 20'000;

// Returns the descriptor, or -1 with errno set.
int try_open(int folder, const std::string& name, int flags) {
  return retry(
      [&] { return ::openat(folder, name.c_str(), flags | O_CLOEXEC, 0600); });
}

// Makes this process the only writer of the file `name`, as long as it lives.
// The descriptor is never closed, since that would release the lock.
void own(int folder, const std::string& name) {
  const int fd =
      check(try_open(folder, name + ".lock", O_RDWR | O_CREAT), "openat");
  struct flock whole {};
  whole.l_type = F_WRLCK;
  check(retry([&] { return ::fcntl(fd, F_OFD_SETLK, &whole); }),
        "fcntl: another writer");  // [own]
}

void replace_file(int folder, const std::string& name, std::string text) {
  const std::string temporary = name + ".new";
  // If a dead writer left one, it is ours to remove, because we have the lock.
  ::unlinkat(folder, temporary.c_str(), 0);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL;
  const int fd = check(try_open(folder, temporary, kFlags), "openat");
  while (!text.empty()) {
    const ssize_t size = check(
        retry([&] { return ::write(fd, text.data(), text.size()); }), "write");
    text.erase(0, static_cast<size_t>(size));
  }
  check(retry([&] { return ::fsync(fd); }), "fsync");  // [fsync]
  ::close(fd);
  check(::renameat(folder, temporary.c_str(), folder, name.c_str()),
        "renameat");                                       // [rename]
  check(retry([&] { return ::fsync(folder); }), "fsync");  // [fsync-folder]
}

// "" if there is no such file.
std::string read_file(int folder, const char* name) {
  const int fd = try_open(folder, name, O_RDONLY);
  if (fd == -1 && errno == ENOENT) return "";
  check(fd, "openat");
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

int watch(int folder) {
  const int fd = check(::inotify_init1(IN_CLOEXEC), "inotify_init1");
  const std::string path = "/proc/self/fd/" + std::to_string(folder);
  check(::inotify_add_watch(fd, path.c_str(), IN_MOVED_TO), "inotify");
  return fd;
}

// Waits until a file has been put in place; the files themselves say which.
void wait_for_change(int watch) {
  pollfd wanted{watch, POLLIN, 0};
  const int ready = retry([&] { return ::poll(&wanted, 1, kPatienceMs); });
  if (check(ready, "poll") == 0) ipc::throw_error(ETIMEDOUT, "poll");
  std::string events(4096, '\0');
  check(retry([&] { return ::read(watch, events.data(), events.size()); }),
        "read");
}

std::string to_json(int number, int value, bool is_last) {
  const std::string name = std::to_string(number);
  return std::string(R"({"is_last":)") + (is_last ? "true" : "false") +
         R"(,"iteration":)" + name + R"(,"message":"Data point )" + name +
         R"(","value":)" + std::to_string(value) + "}";
}

// This much of JSON is enough for what to_json() has written.
int number_in(const std::string& json, const std::string& key) {
  return std::stoi(json.substr(json.find("\"" + key + "\":") + key.size() + 3));
}

void write_points(int folder) {
  raw::say("Writer", "Starting up");
  own(folder, "data.json");
  const int changes = watch(folder);
  for (int i = 0; i < kPoints; ++i) {
    raw::say("Writer", "Wrote data point " + std::to_string(i));
    replace_file(folder, "data.json", to_json(i, i * 10, false));
    while (read_file(folder, "acknowledged") != std::to_string(i)) {
      wait_for_change(changes);
    }
  }
  raw::say("Writer", "Finished");
  replace_file(folder, "data.json", to_json(kPoints, 0, true));
}

void read_points(int folder) {
  raw::say("Reader", "Starting up");
  own(folder, "acknowledged");
  const int changes = watch(folder);  // Before the first look.
  for (int last = -1;;) {
    const std::string text = read_file(folder, "data.json");
    const int number = text.empty() ? last : number_in(text, "iteration");
    if (number == last) {
      wait_for_change(changes);
      continue;
    }
    if (number != last + 1) throw std::runtime_error("one is lost");
    if (text.find("true") != std::string::npos) break;
    last = number;
    raw::say("Reader", "Received data point " + std::to_string(last) + ": " +
                           std::to_string(number_in(text, "value")));
    replace_file(folder, "acknowledged", std::to_string(last));
  }
  raw::say("Reader", "Received completion signal");
  raw::say("Reader", "Finished");
}

void come_late(int folder) {
  const int written = number_in(read_file(folder, "data.json"), "iteration");
  const int last = std::stoi(read_file(folder, "acknowledged"));
  raw::say("Latecomer", std::to_string(written) + " were written, " +
                            std::to_string(last + 1) + " received");
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

void join(pid_t child, const char* who) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  if (status != 0) throw std::runtime_error(std::string(who) + " failed");
}

std::string lesson(const std::string& path) {
  const int folder = check(try_open(AT_FDCWD, path, O_RDONLY), "openat");
  const pid_t writer = start("Writer", [&] { write_points(folder); });
  const pid_t reader = start("Reader", [&] { read_points(folder); });
  join(reader, "the reader");
  join(writer, "the writer");
  raw::say("Main", "Both have ended, and their files are still there");
  join(start("Latecomer", [&] { come_late(folder); }), "the latecomer");
  raw::say("Main", "All done!");
  return "";
}

}  // namespace

int main() { return raw::run_in_folder(lesson); }
