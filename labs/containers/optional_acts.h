// The acts that not every system allows, or has the program for. Where one
// cannot be played, it says so in a line, and the lab goes on.
#pragma once

#include <cstddef>
#include <string>

// A container that takes more memory than its control group allows. Returns ""
// or why the lab fails.
std::string exhaust_memory();

// The same table in a container of a real runtime: the `wanted` one, or any if
// that is "". Returns "" or why the lab fails.
std::string meet_runtime(const std::string& wanted, size_t shm_bytes);

// Whether this program was started by such a runtime, as process 1 of its
// container; then that is to be played, and gives the exit status.
bool is_in_runtime(int argc, char** argv);
int play_in_runtime();
