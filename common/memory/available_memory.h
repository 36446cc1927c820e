// How much memory a process can have, before the kernel kills somebody for it.
#pragma once

#include <cstddef>
#include <string>

namespace ipc {

// The bytes that this process could take now: what the machine has, or less if
// its container (cgroup) is allowed less. What is a cache of files counts as
// free. No promise: others take memory too.
//
// `root` is for tests: "/proc" and "/sys" are looked for in it.
//
// See: proc(5), "/proc/meminfo", MemAvailable; cgroups(7).
size_t available_memory(const std::string& root = "");

// std::system_error, ENOMEM, with both sizes if that is less than `size_bytes`
// for `what`. Small sizes, up to 1 MiB, are not looked at: it reads files.
void check_available(size_t size_bytes, const char* what);

}  // namespace ipc
