// What /proc says of the processes that descend from one: where each of their
// threads is blocked, and what each has open. harness/proc.py is the same for
// the harness, and the names of calls are the same in both.
//
// Errors: none; what cannot be read is left out.
// See:    proc(5), "/proc/[pid]/syscall", "/proc/[pid]/fd".
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ipc::lab_internal {

// One thread, and the call that it is blocked in.
struct LiveTask {
  pid_t pid = 0;
  pid_t tid = 0;
  pid_t parent = 0;  // Of the process.
  std::string name;  // As ps(1) shows it.
  char state = '?';  // Of /proc/PID/stat.
  uint64_t ticks = 0;
  std::string call;                 // "" if that cannot be told.
  std::array<uint64_t, 6> args{};   // Of the call.
  std::optional<double> timeout_s;  // After which the call ends by itself.
  std::vector<std::pair<int, bool>> waits_on;  // Descriptors; is it to write?
  // Of futex(2): what is at the address. Of semop(2): index, change and last
  // user of the semaphore.
  std::vector<int32_t> word;
  std::string path;  // Of open(2).
};

struct Descriptor {
  std::string target;  // "pipe:[5]"
  bool can_read = false;
  bool can_write = false;
  bool is_fifo = false;
};

struct Snapshot {
  std::vector<LiveTask> tasks;  // By pid, and by tid.
  std::map<pid_t, std::map<int, Descriptor>> descriptors;
  std::map<uint64_t, uint64_t> unix_peers;  // Of sockets, by their inodes.
};

// The first thread of each process that descends from `ancestor`, with nothing
// but its state: cheap.
std::vector<LiveTask> descendants_of(pid_t ancestor);

// Every thread of each of them.
std::vector<LiveTask> tasks_of(pid_t ancestor);

// All of it, if possible in an instant in which none is running.
Snapshot snapshot_of(pid_t ancestor);

// "" if it cannot be read.
std::string read_file(const std::string& path);
std::string descriptor_info(pid_t pid, int fd);

}  // namespace ipc::lab_internal
