#include "common/report.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "common/clock.h"
#include "common/errors.h"
#include "common/fault.h"

namespace ipc {
namespace {

int open_event_log() {
  const char* const path = ::getenv("IPC_LABS_EVENTS");
  if (path == nullptr || *path == '\0') return -1;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  return check(::open(path, kFlags, 0600), "open IPC_LABS_EVENTS");
}

std::string& speaker() {
  static std::string name = "Main";
  return name;
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

// One write, of at most PIPE_BUF bytes; what does not fit is cut off.
void write_line(int fd, std::string& line) {
  line.resize(std::min<size_t>(line.size(), PIPE_BUF - 1));
  line += '\n';
  // A reader that has gone is no reason to end: the exit status still tells.
  (void)retry([&] { return ::write(fd, line.data(), line.size()); });
}

void log_event(EventKind kind, std::string_view object, std::string_view id) {
  std::string line =
      fmt::format("{{\"t_ns\":{},\"pid\":{},\"process\":", now_ns(), getpid());
  append_json(line, speaker());
  line += ",\"kind\":";
  append_json(line, describe(kind));
  line += ",\"object\":";
  // Cut here and not in write_line, so that the line stays valid JSON: six
  // bytes for each byte at worst.
  append_json(line, object.substr(0, 400));
  line += ",\"id\":";
  append_json(line, id.substr(0, 100));
  line += '}';
  write_line(event_log_fd, line);
}

}  // namespace

const int event_log_fd = open_event_log();
bool events_wanted = event_log_fd != -1;

const char* describe(EventKind kind) {
  constexpr const char* kWords[] = {
      "start",   "exit", "say",  "send",  "receive", "acquire",
      "release", "wait", "wake", "point", "name",
  };
  return kWords[static_cast<int>(kind)];
}

const std::string& process_name() { return speaker(); }

void name_process(std::string_view name) {
  speaker() = name;
  ::prctl(PR_SET_NAME, speaker().c_str());
  fault_point(FaultPoint::start);
}

void say_text(std::string_view text) {
  std::string line = speaker();
  line += ": ";
  line += text;
  event(EventKind::say, text);
  write_line(STDOUT_FILENO, line);
  fault_point(FaultPoint::line);
}

void observe_events(EventObserver observer) {
  event_observer = observer;
  events_wanted = event_log_fd != -1 || observer != nullptr;
}

void write_event(EventKind kind, std::string_view object, std::string_view id) {
  if (event_log_fd != -1) log_event(kind, object, id);
  if (event_observer != nullptr) event_observer(kind, object, id);
}

std::string object_name(std::string_view type, const void* address) {
  return fmt::format("{}@{:x}", type, reinterpret_cast<uintptr_t>(address));
}

}  // namespace ipc
