// What /proc says about the descendants of a process: where each of their
// threads is blocked, and what each process has open. harness/proc.py does the
// same for the harness, and both use the same names of calls.
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
  std::string call;                 // "" if it is not known.
  std::array<uint64_t, 6> args{};   // Of the call.
  std::optional<double> timeout_s;  // After which the call ends by itself.
  std::vector<std::pair<int, bool>> waits_on;  // Descriptor; waits to write?
  // For futex(2): what is at the address. For semop(2): the semaphore's index,
  // the change that is asked for, and the last process that used it.
  std::vector<int32_t> word;
  std::string path;  // For open(2).
};

struct Descriptor {
  std::string target;  // "pipe:[5]"
  bool can_read = false;
  bool can_write = false;
  bool is_fifo = false;
};

struct Snapshot {
  std::vector<LiveTask> tasks;  // Sorted by pid, then by tid.
  std::map<pid_t, std::map<int, Descriptor>> descriptors;
  std::map<uint64_t, uint64_t> unix_peers;  // Inode of a socket and its peer.
};

// The first thread of each process that descends from `ancestor`, with its
// state only, which is cheap.
std::vector<LiveTask> descendants_of(pid_t ancestor);

// Every thread of each of these processes, with its call.
std::vector<LiveTask> tasks_of(pid_t ancestor);

// All of the above, if possible at an instant in which no thread runs. Blocks
// for up to 0.1 s to find such an instant.
Snapshot snapshot_of(pid_t ancestor);

// Both return "" if it cannot be read.
std::string read_file(const std::string& path);
std::string descriptor_info(pid_t pid, int fd);

}  // namespace ipc::lab_internal
