// Objects that outlive their makers and that no folder shows: message queues
// of POSIX, and shared memory, semaphores and message queues of System V.
//
// A sweeper that looks through folders for names finds none of them. So each
// has a note in /tmp, an empty file whose name says what the object is:
//
//   ipc-labs-...-object-posix_queue            the queue "/<name of the note>"
//   ipc-labs-...-object-sysv_memory-1a2b3c4d   the key 0x1a2b3c4d
//
// NotedObject (names.h) leaves the note before there is an object.
//
// Errors: none; what cannot be removed, because it is not there or belongs to
//         another user, is left alone.
// See:    mq_overview(7), sysvipc(7).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace ipc {

enum class ObjectKind { posix_queue, sysv_memory, sysv_semaphores, sysv_queue };

// What the name of a note ends in, with a key of its own for System V.
std::string draw_note(ObjectKind kind);

// Whether a file's name is that of a note.
bool is_note(std::string_view name);

// The name, for mq_open(3), of the queue that a note stands for.
std::string queue_of_note(std::string_view name);

// The key, for shmget(2) and the like, of the object that a note stands for;
// IPC_PRIVATE for a queue of POSIX, which has a name.
key_t key_of_note(std::string_view name);

// Whether the object that a note stands for is there.
bool object_exists(std::string_view note);

// Removes the object that a note stands for, whoever uses it; whether it was
// there. The note stays.
bool remove_object(std::string_view note);

}  // namespace ipc
