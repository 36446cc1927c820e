// A control group with a limit of memory, where this process may make one.
//
//   if (const auto group = MemoryGroup::make(32 << 20, why)) {
//     Container hog({.name = "Hog", .limit = [&] { group->enter(); }}, ...);
//
// It is made below the group of this process, or beside it: in version 2 a
// group that has processes may not have limited children, except for the root.
// If neither is allowed, or memory is not controlled, make() returns nothing.
//
// Lifetime: the destructor removes the group, in the process that made it. Its
//           processes must have ended, and been reaped, before.
// Death:    a group has no owner, so it would stay: a process that outlives the
//           run calls remove_memory_groups() (Lab::at_end()).
// See:      cgroups(7); Documentation/admin-guide/cgroup-v2.rst in Linux.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

class MemoryGroup {
 public:
  // Null if no group can be made; then `why_not` says why.
  static std::unique_ptr<MemoryGroup> make(size_t limit_bytes,
                                           std::string& why_not);
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  MemoryGroup(MemoryGroup&&) = delete;
  MemoryGroup& operator=(MemoryGroup&&) = delete;
  ~MemoryGroup();

  // Puts this process, and all that it will fork, into the group.
  // Errors: std::system_error.
  void enter() const;

  // How many processes of the group the kernel has killed because of its limit.
  [[nodiscard]] int kill_count() const;

 private:
  MemoryGroup(std::string path, bool is_version_2);
  [[nodiscard]] int try_to_enter() const;

  std::string path_;
  bool is_version_2_;
  pid_t owner_;
};

// Removes the groups of this run that are left. Ignores errors.
void remove_memory_groups();
