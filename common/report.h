// What a process says, for people, and what it does, for machines.
//
//   ipc::name_process("Worker 1");
//   ipc::say("Got {}", number);     // Worker 1: Got 7
//
// Processes: every line and every event is one write(2), so those of different
//            processes never mix, and no stdio buffer is copied by fork(2).
// Ordering:  say before you release, after you acquire. Then the order of the
//            lines is a consequence of the synchronization and not of luck.
// Blocks:    until the line is written, even if standard output is non-blocking
//            and its reader slow. If the reader has gone the line is dropped:
//            the exit status still tells.
// Errors:    none; output_lost() tells of a full disk.
// Death:     nothing is buffered, so what was said is not lost.
// Threads:   any may say, and name the process. Ask for events, and observe
//            them, before there are others.
// See:       pipe(7), "PIPE_BUF".
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <string_view>

namespace ipc {

// The speaker of this process; "Main" until it is named.
const std::string& process_name();

// Names this process, also for ps, top and gdb (PR_SET_NAME, 15 bytes). What
// process_name() has returned before stays as it was.
void name_process(std::string_view name);

// Writes "Speaker: `text`" as one line; longer than PIPE_BUF (4,096) it is cut.
void say_text(std::string_view text);

// The same with a format, checked at compile time.
template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say_text(fmt::format(format, std::forward<Args>(args)...));
}

// Whether something that this process said could not be written, although its
// reader has not gone: the disk is full, for example.
bool output_lost();

// What an event tells; the words are those of the event log.
enum class EventKind {
  start,
  exit,
  say,
  send,
  receive,
  acquire,
  release,
  wait,  // From here the process may sleep, until the `wake` that follows. The
         // id may say what of the object it waits for: "room in".
  wake,
  point,
  name,
};

// Its word in the event log: "acquire".
const char* describe(EventKind kind);

// Opens the event log, the file that IPC_LABS_EVENTS names; nothing if it is
// not set, or if this program has more rights than whoever started it. Lab does
// it. Elsewhere the first event does, and if that fails it says so on standard
// error, once, and there is no log.
// Errors: std::system_error.
void open_event_log();

// Whether there is an event log.
bool logs_events();

// Whether anybody asked for events: the log or an observer.
extern bool events_wanted;

// Makes `observer` see every event of this process, and of the children that
// it forks from now on, after it was logged. For Schedule, which has to know
// when a process waits.
using EventObserver = void (*)(EventKind kind, std::string_view object,
                               std::string_view id);
void observe_events(EventObserver observer);

// Appends one line to the log and tells the observer; see event().
void write_event(EventKind kind, std::string_view object, std::string_view id);

// Appends an event about `object` to the file named by IPC_LABS_EVENTS, as one
// line of JSON: t_ns (CLOCK_MONOTONIC), pid, process, kind, object, id. `id`
// pairs a send with its receive. If nobody asked it costs one branch.
inline void event(EventKind kind, std::string_view object,
                  std::string_view id = {}) {
  if (events_wanted) [[unlikely]] {
    write_event(kind, object, id);
  }
}

// The name of an object in the log is its type and address, "Lock@7f12...":
// the same in all processes that inherited the mapping.
std::string object_name(std::string_view type, const void* address);
inline void object_event(EventKind kind, std::string_view type,
                         const void* address, std::string_view id = {}) {
  if (events_wanted) [[unlikely]] {
    write_event(kind, object_name(type, address), id);
  }
}

// Tells readers of the log what people call the object: "left fork".
inline void describe_object(std::string_view type, const void* address,
                            std::string_view name) {
  object_event(EventKind::name, type, address, name);
}

}  // namespace ipc
