// Names for what has to have one: files, sockets, shared memory.
//
// Every name of a run begins with one prefix, "ipc-labs-<pid>-<random>", which
// all processes of a family share. Two runs never meet, and whoever cleans up
// knows what belongs to whom: the file /tmp/<prefix>-run is locked as long as a
// process of the run lives (lock_file.h).
//
// Threads: name_prefix() and unique_name() may be called by any at any time;
//          the others, which begin or end a run, while no other thread uses
//          names.
#pragma once

#include <string>
#include <string_view>

#include "common/process/kernel_object.h"

namespace ipc {

// The prefix of this run: drawn once, inherited by fork(2).
const std::string& name_prefix();

// Makes the random part of every later prefix begin with `text`, eight letters
// or digits, which a program has from its environment (IPC_LABS_RUN): so the
// harness knows what belongs to a run that it has started. Any other text, or
// null, does nothing.
void set_run_token(const char* text);

// Begins a run of its own: from now on this process and the children that it
// forks have another prefix.
void begin_run();

// Removes from /tmp and /dev/shm what runs have left whose processes are all
// dead, and the objects that they have notes of (NotedObject); how many names.
// Safe beside runs that begin, work or sweep: a run is locked before it has its
// first name, and its lock file is the last to go. Names of other users, and
// names without a lock file, are left alone.
int remove_stale_names();

// A name that no other call returns: the prefix, a counter with the process
// number, and `what`. 50 bytes and `what`, so that it fits a socket's path.
std::string unique_name(std::string_view what);

// Ends the run: removes all that it has left in /tmp and /dev/shm, and the
// objects that it has notes of; how many names. The next name begins another
// run.
int remove_names();

// Ends the run and leaves its names behind, for somebody to look at them.
void leave_names();

// A folder of its own in /tmp, mode 0700.
//
// Lifetime: made by the constructor and removed, with all that is in it, by
//           the destructor of the process that made it; not by its children.
//           If it holds anything, that takes a free descriptor.
// Errors:   std::system_error if it cannot be made.
// Death:    it stays; Lab removes it when the run has ended.
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

// The name or key of an object that no folder shows, see kernel_object.h, and
// a note of it in /tmp. Who uses the object makes it, exclusively: the key is
// drawn, and so may be a stranger's.
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
