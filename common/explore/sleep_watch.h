// Finds out from outside whether a process sleeps until another one wakes it.
// For Schedule, whose processes may sleep in system calls that it does not
// know.
//
//   ipc::SleepWatch watch;
//   while (!watch.is_asleep(pid)) ...
//
// See: proc(5), /proc/PID/status and /proc/PID/syscall.
#pragma once

#include <sys/types.h>

#include <string>

namespace ipc {

class SleepWatch {
 public:
  // Whether the process sleeps and has slept since the last call, so the first
  // call returns false. Its living children must sleep too, since each may
  // still end the wait of its parent. A process that sleeps only for a time, or
  // until its line is printed, does not count as asleep. Does not block.
  bool is_asleep(pid_t pid);

  // Forgets the last call, because something has happened since.
  void forget() { last_look_.clear(); }

 private:
  std::string last_look_;
};

}  // namespace ipc
