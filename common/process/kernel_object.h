// Objects that outlive their makers and appear in no folder: POSIX message
// queues, and System V shared memory, semaphores and message queues.
//
// A sweeper that looks through folders for names finds none of them. So each
// of them has a note in /tmp, an empty file whose name says what the object is:
//
//   ipc-labs-...-object-posix_queue            the queue "/<name of the note>"
//   ipc-labs-...-object-sysv_memory-1a2b3c4d   the key 0x1a2b3c4d
//
// NotedObject (names.h) makes the note before there is an object.
//
// Errors: none; an object that cannot be removed, because it is not there or
//         belongs to another user, is left alone.
// See:    mq_overview(7), sysvipc(7).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace ipc {

enum class ObjectKind { posix_queue, sysv_memory, sysv_semaphores, sysv_queue };

// The end of the name of a new note; for System V it has a random key.
std::string draw_note(ObjectKind kind);

// Whether a file's name is that of a note.
bool is_note(std::string_view name);

// The name, for mq_open(3), of the queue that a note stands for.
std::string queue_of_note(std::string_view name);

// The key, for shmget(2) and the like, of the object that a note stands for;
// IPC_PRIVATE for a POSIX queue, which has a name.
key_t key_of_note(std::string_view name);

// Whether the object that a note stands for is there.
bool object_exists(std::string_view note);

// Removes the object that a note stands for, even if a process still uses it;
// whether it did so. The note stays.
bool remove_object(std::string_view note);

}  // namespace ipc
