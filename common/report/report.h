// Lines that a process prints for people, and events that it logs for machines.
//
//   ipc::name_process("Worker 1");
//   ipc::say("Got {}", number);     // Worker 1: Got 7
//
// Processes: every line and every event is one write(2), so those of different
//            processes never mix, and no stdio buffer is copied by fork(2).
// Ordering:  call say() after you acquire a lock and before you release it.
//            Then the order of the lines follows from the synchronization,
//            rather than from luck.
// Blocks:    until the line is written, even if standard output is non-blocking
//            and its reader slow. If the reader has gone, the line is dropped:
//            the exit status still reports how the process ended.
// Errors:    none; output_lost() reports a full disk.
// Death:     nothing is buffered, so what was said is not lost.
// Threads:   any thread may call say() and name_process(). Call
//            open_event_log() and observe_events() before there are other
//            threads.
// See:       pipe(7), "PIPE_BUF".
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <string_view>

#include "common/base/hooks.h"
#include "common/process/process_name.h"

namespace ipc {

// Writes "Speaker: `text`" as one line, which is cut to PIPE_BUF (4,096) bytes.
void say_text(std::string_view text);

// The same with a format, checked at compile time.
template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say_text(fmt::format(format, std::forward<Args>(args)...));
}

// Whether a line or an event of this process could not be written although its
// reader has not gone: the disk is full, for example.
bool output_lost();

// The word for this kind in the event log: "acquire".
const char* describe(EventKind kind);

// Makes the processes that this one forks from now on say why they fail, exit
// with status 1 if a line that they have said is lost, and obey the orders of
// fault.h. Lab calls this.
void report_processes();

// From now on each event of this process, and of those that it forks, is a line
// of JSON in the file that IPC_LABS_EVENTS names: t_ns (CLOCK_MONOTONIC), pid,
// process, kind, object, id. Does nothing if that is not set, or if this
// program has more rights than the user who started it. Lab calls this.
// Errors: std::system_error; then there is no log.
void open_event_log();

// Whether there is an event log.
bool logs_events();

// Makes `observer` see every event of this process, and of the children that
// it forks from now on, after it was logged. For Schedule, which has to know
// when a process waits.
using EventObserver = void (*)(EventKind kind, std::string_view object,
                               std::string_view id);
void observe_events(EventObserver observer);

// The name of an object in the log is its type and address, "Lock@7f12...":
// the same in all processes that inherited the mapping.
std::string object_name(std::string_view type, const void* address);

}  // namespace ipc
