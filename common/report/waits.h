// Who waits for what, noted where the keeper of a lab can read it.
//
// A hang is explained from /proc (common/lab/hang.h), where an object is an
// address. Its name, and who has it, are in the events of the library. The log
// of events (report.h) costs a write(2) for each, and is off by default; these
// notes cost a few stores where a process sleeps anyway.
//
// Processes: the notes are in memory that this process shares with those that
//            it forks from now on.
// Blocks:    never. What there is no room for is not noted.
// Death:     the notes of a process that was killed stay: they say what it had
//            and what it waited for.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/hooks.h"

namespace ipc {

// From now on the waits of this process, and of those that it forks, are noted.
// Errors: std::system_error if there is no memory for it.
void note_waits();

// Whether that is so.
bool notes_waits();

// Notes one event, as an EventHook.
void note_event(EventKind kind, std::string_view object, const void* address,
                std::string_view id);

// What a thread waits for by its own account; what is not known is empty.
struct NotedWait {
  std::string object;  // "Lock 'left fork'", "Event@7f12..."
  std::string part;    // What of it: "room in".
  std::vector<pid_t> holders;
};
NotedWait noted_wait(pid_t tid);

// The whole name of a process, of which ps(1) shows 15 bytes; or "".
std::string noted_name(pid_t pid);

}  // namespace ipc
