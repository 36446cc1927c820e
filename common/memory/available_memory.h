// How much memory a process can take before the kernel kills a process for it.
#pragma once

#include <cstddef>
#include <string>

namespace ipc {

// Returns how many bytes this process could take now: what the machine has, or
// less if its container (cgroup) is allowed less; SIZE_MAX if it is not known.
// Memory that caches files counts as free. This is not a promise, because other
// processes take memory too.
//
// `root` is for tests: it is the folder of "/proc" and "/sys".
//
// See: proc(5), "/proc/meminfo", MemAvailable; cgroups(7).
size_t available_memory(const std::string& root = "");

// Throws std::system_error with ENOMEM if less than `size_bytes` is available;
// the text names `what` and both sizes. Small sizes, up to 1 MiB, are not
// checked, because a check reads files.
void check_available(size_t size_bytes, const char* what);

}  // namespace ipc
