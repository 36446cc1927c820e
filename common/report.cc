#include "common/report.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "common/clock.h"
#include "common/errors.h"
#include "common/fault.h"
#include "common/unique_fd.h"

namespace ipc {
namespace {

constexpr int kNotOpened = -2;
constexpr int kNone = -1;

const char* event_log_path() {
  // secure_getenv: whoever starts a set-user-ID program has no say in what it
  // writes to.
  const char* const path = ::secure_getenv("IPC_LABS_EVENTS");
  return path == nullptr || *path == '\0' ? nullptr : path;
}

std::atomic<int> event_log = kNotOpened;
std::atomic<bool> lost = false;

// A name is never freed, since somebody may be reading it: the one before it
// hangs on it.
struct Speaker {
  std::string name;
  const Speaker* before;
};

std::atomic<const Speaker*>& speaker() {
  static const Speaker unnamed{"Main", nullptr};
  static std::atomic<const Speaker*> speaker = &unnamed;
  return speaker;
}

// Appends `text` as a JSON string; RFC 8259, section 7.
void append_json(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') line += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      line += fmt::format("\\u{:04x}", c);
    } else {
      line += c;
    }
  }
  line += '"';
}

EventObserver event_observer = nullptr;

// Waits until a non-blocking descriptor takes more; false on an error.
bool await_room(int fd) {
  pollfd room{fd, POLLOUT, 0};
  return retry([&] { return ::poll(&room, 1, -1); }) == 1;
}

// One write, of at most PIPE_BUF bytes; what does not fit is cut off. Only a
// descriptor that is no pipe may take a line in pieces.
void write_line(int fd, std::string& line) {
  line.resize(std::min<size_t>(line.size(), PIPE_BUF - 1));
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t size =
        retry([&] { return ::write(fd, rest.data(), rest.size()); });
    if (size >= 0) {
      rest.remove_prefix(static_cast<size_t>(size));
    } else if (errno != EAGAIN || !await_room(fd)) {
      // A reader that has gone, or never was, is no reason to end.
      if (errno != EPIPE && errno != EBADF) lost = true;
      return;
    }
  }
}

void log_event(EventKind kind, std::string_view object, std::string_view id) {
  std::string line =
      fmt::format("{{\"t_ns\":{},\"pid\":{},\"process\":", now_ns(), getpid());
  append_json(line, process_name());
  line += ",\"kind\":";
  append_json(line, describe(kind));
  line += ",\"object\":";
  // Cut here and not in write_line, so that the line stays valid JSON: six
  // bytes for each byte at worst.
  append_json(line, object.substr(0, 400));
  line += ",\"id\":";
  append_json(line, id.substr(0, 100));
  line += '}';
  write_line(event_log, line);
}

}  // namespace

bool events_wanted = event_log_path() != nullptr;

void open_event_log() {
  const char* const path = event_log_path();
  if (event_log != kNotOpened || path == nullptr) return;
  event_log = kNone;  // Unless all goes well.
  events_wanted = event_observer != nullptr;
  // O_NONBLOCK: a FIFO that nobody reads is an error and not a wait.
  constexpr int kFlags =
      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  UniqueFd log(check(::open(path, kFlags, 0600),
                     fmt::format("open IPC_LABS_EVENTS={}", path).c_str()));
  event_log = log.release();
  events_wanted = true;
}

bool logs_events() {
  if (event_log == kNotOpened) {
    try {
      open_event_log();
    } catch (const std::system_error& error) {
      // dprintf is one write(2): lines of several processes do not mix.
      dprintf(STDERR_FILENO, "%s: no event log: %s\n", process_name().c_str(),
              error.what());
    }
  }
  return event_log >= 0;
}

const char* describe(EventKind kind) {
  constexpr const char* kWords[] = {
      "start",   "exit", "say",  "send",  "receive", "acquire",
      "release", "wait", "wake", "point", "name",
  };
  return kWords[static_cast<int>(kind)];
}

const std::string& process_name() { return speaker().load()->name; }

void name_process(std::string_view name) {
  auto* const next = new Speaker{std::string(name), speaker().load()};
  while (!speaker().compare_exchange_weak(next->before, next)) {
  }
  ::prctl(PR_SET_NAME, next->name.c_str());
  fault_point(FaultPoint::start);
}

void say_text(std::string_view text) {
  fault_point(FaultPoint::say);
  std::string line = process_name();
  line += ": ";
  line += text;
  event(EventKind::say, text);
  write_line(STDOUT_FILENO, line);
  fault_point(FaultPoint::line);
}

bool output_lost() { return lost; }

void observe_events(EventObserver observer) {
  event_observer = observer;
  events_wanted = logs_events() || observer != nullptr;
}

void write_event(EventKind kind, std::string_view object, std::string_view id) {
  if (logs_events()) log_event(kind, object, id);
  if (event_observer != nullptr) event_observer(kind, object, id);
}

std::string object_name(std::string_view type, const void* address) {
  return fmt::format("{}@{:x}", type, reinterpret_cast<uintptr_t>(address));
}

}  // namespace ipc
