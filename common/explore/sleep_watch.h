// Whether a process sleeps for good, as seen from outside: for Schedule, whose
// processes may sleep in system calls that it knows nothing of.
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
  // Whether the process sleeps and has done so since the last look: whatever it
  // had done before that was done between the two looks. Its living children
  // must sleep too, since each may yet end the wait of its parent. Who sleeps
  // only for a time, or until its line is printed, does not count as asleep.
  bool is_asleep(pid_t pid);

  // Forgets the last look, since something has happened.
  void forget() { last_look_.clear(); }

 private:
  std::string last_look_;
};

}  // namespace ipc
