#include "common/report/report.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/process.h"
#include "common/report/fault.h"
#include "common/report/waits.h"

namespace ipc {
namespace {

std::atomic<int> event_log = -1;
std::atomic<bool> lost = false;
EventObserver event_observer = nullptr;

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

// Waits until a non-blocking descriptor takes more; false on an error.
bool await_room(int fd) {
  pollfd room{fd, POLLOUT, 0};
  return retry([&] { return ::poll(&room, 1, -1); }) == 1;
}

// One write, of at most PIPE_BUF bytes; what does not fit is cut off. Only a
// descriptor that is not a pipe may take a line in pieces.
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
      // A reader that has gone, or never was there, is no reason to fail.
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
  // Cut here and not in write_line, so that the line stays valid JSON: a
  // byte becomes six at worst.
  append_json(line, object.substr(0, 400));
  line += ",\"id\":";
  append_json(line, id.substr(0, 100));
  line += '}';
  write_line(event_log, line);
}

void report_event(EventKind kind, std::string_view object, const void* address,
                  std::string_view id) {
  if (notes_waits()) note_event(kind, object, address, id);
  std::string name;
  if (address != nullptr) object = name = object_name(object, address);
  if (logs_events()) log_event(kind, object, id);
  if (event_observer != nullptr) event_observer(kind, object, id);
}

void set_event_hook() {
  if (logs_events() || event_observer != nullptr) {
    event_hook = report_event;
  } else {
    event_hook = notes_waits() ? note_event : nullptr;
  }
}

}  // namespace

void report_processes() {
  named_hook = [] { fault_point(FaultPoint::start); };
  process_hooks.failed = [](std::string_view why) { say("failed: {}", why); };
  process_hooks.ending = [](int status) {
    if (output_lost()) status = 1;
    fault_point(FaultPoint::end);
    return status;
  };
}

void open_event_log() {
  // secure_getenv: the user who starts a set-user-ID program must not choose
  // which file it writes to.
  const char* const path = ::secure_getenv("IPC_LABS_EVENTS");
  if (path == nullptr || *path == '\0' || logs_events()) return;
  // O_NONBLOCK: opening a FIFO without a reader fails instead of blocking.
  constexpr int kFlags =
      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  UniqueFd log(check(::open(path, kFlags, 0600),
                     fmt::format("open IPC_LABS_EVENTS={}", path).c_str()));
  event_log = log.release();
  set_event_hook();
}

bool logs_events() { return event_log >= 0; }

const char* describe(EventKind kind) {
  constexpr const char* kWords[] = {
      "start",   "exit", "say",  "send",  "receive", "acquire",
      "release", "wait", "wake", "point", "name",
  };
  return kWords[static_cast<int>(kind)];
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
  set_event_hook();
}

std::string object_name(std::string_view type, const void* address) {
  return fmt::format("{}@{:x}", type, reinterpret_cast<uintptr_t>(address));
}

}  // namespace ipc
