// Names for objects that need one: files, sockets, shared memory.
//
// Every name of a run begins with one prefix, "ipc-labs-<pid>-<random>", which
// all processes of a run share. So the names of two runs never collide, and a
// sweeper knows which names are still in use: the file /tmp/<prefix>-run is
// locked as long as a process of the run lives (lock_file.h).
//
// Threads: any thread may call name_prefix() and unique_name() at any time.
//          Call the others, which begin or end a run, only while no other
//          thread uses names.
// Errors:  std::system_error if the lock file of a run cannot be made.
#pragma once

#include <string>
#include <string_view>

#include "common/process/kernel_object.h"

namespace ipc {

// The prefix of this run: drawn once, inherited by fork(2).
const std::string& name_prefix();

// Makes the random part of every later prefix begin with `text`, eight letters
// or digits, which a program gets from its environment (IPC_LABS_RUN). So the
// harness knows which names belong to a run that it has started. Any other
// text, or null, does nothing.
void set_run_token(const char* text);

// Begins a run of its own: from now on this process and the children that it
// forks have another prefix.
void begin_run();

// Removes from /tmp and /dev/shm what is left of runs whose processes are all
// dead, and the objects of their notes (NotedObject). Returns how many names it
// has removed. Safe while other runs begin, work or sweep: a run is locked
// before it has its first name, and its lock file is removed last. Names of
// other users, and names without a lock file, are left alone.
int remove_stale_names();

// A name that no other call returns: the prefix, the process number, a counter,
// and `what`. At most 50 bytes and `what`, so that it fits a socket's path.
std::string unique_name(std::string_view what);

// Ends the run: removes all that it has left in /tmp and /dev/shm, and the
// objects of its notes. Returns how many names it has removed. The next name
// begins another run.
int remove_names();

// Ends the run and leaves its names behind, for a person to look at.
void leave_names();

// A folder of its own in /tmp, mode 0700.
//
// Lifetime: made by the constructor and removed, with all that is in it, by
//           the destructor of the process that made it; not by its children.
//           Removing a folder that is not empty takes a free descriptor.
// Errors:   std::system_error if it cannot be made.
// Death:    the folder stays; Lab removes it when the run has ended.
class TempDir {
 public:
  explicit TempDir(std::string_view what = "dir");
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  TempDir(TempDir&&) = delete;
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const;

 private:
  std::string path_;
  int owner_;
};

// The name or key of an object that appears in no folder, see kernel_object.h,
// and its note in /tmp. The caller makes the object itself, with O_EXCL or
// IPC_EXCL: the key is random, and so may belong to a stranger's object.
//
// Lifetime: the note is made by the constructor. The destructor of the process
//           that made it, but not of its children, removes the object, if there
//           is one, and the note.
// Errors:   std::system_error if the note cannot be made.
// Death:    both stay; Lab removes them when the run has ended. A sweeper in
//           another IPC namespace that shares /tmp sees the note and not the
//           object, which goes with its namespace.
class NotedObject {
 public:
  explicit NotedObject(ObjectKind kind);
  NotedObject(const NotedObject&) = delete;
  NotedObject& operator=(const NotedObject&) = delete;
  NotedObject(NotedObject&&) = delete;
  NotedObject& operator=(NotedObject&&) = delete;
  ~NotedObject();

  [[nodiscard]] std::string queue() const { return queue_of_note(note_); }
  [[nodiscard]] key_t key() const { return key_of_note(note_); }
  [[nodiscard]] bool exists() const { return object_exists(note_); }

 private:
  std::string note_;
  int owner_;
};

}  // namespace ipc
