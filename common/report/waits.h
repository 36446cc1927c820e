// Which process waits for what, noted where the keeper of a lab can read it.
//
// A hang is explained from /proc (common/lab/internal/hang.h), which shows only
// the address of an object. Its name and its holders are in the events of the
// library. The log of events (report.h) costs a write(2) for each event and is
// off by default; these notes cost a few stores where a process sleeps anyway.
//
// Processes: the notes are in memory that this process shares with those that
//            it forks from now on.
// Blocks:    never. If there is no room for a note, it is left out.
// Death:     the notes of a process that was killed stay: they say what it held
//            and what it waited for.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/hooks.h"

namespace ipc {

// From now on the waits of this process, and of those that it forks, are noted.
// Errors: std::system_error if there is no memory for the notes.
void note_waits();

// Whether waits are noted.
bool notes_waits();

// Notes one event; to be used as the EventHook.
void note_event(EventKind kind, std::string_view object, const void* address,
                std::string_view id);

// What a thread waits for, as it has noted itself; what is not known is empty.
struct NotedWait {
  std::string object;          // "Lock 'left fork'", "Event@7f12..."
  std::string part;            // What of the object: "room in".
  std::vector<pid_t> holders;  // The processes that hold it.
};
NotedWait noted_wait(pid_t tid);

// The name of a process, up to 63 bytes, of which ps(1) shows 15; "" if it is
// not known.
std::string noted_name(pid_t pid);

}  // namespace ipc
