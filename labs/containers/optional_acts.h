// The acts that not every system allows, or has the program for. An act that
// cannot be played says so in one line, and the lab continues.
#pragma once

#include <cstddef>
#include <string>

// A container that takes more memory than its control group allows. Returns ""
// or why the lab fails.
std::string exhaust_memory();

// The same table in a container of a real runtime: the `wanted` one, or any if
// that is "". Returns "" or why the lab fails.
std::string meet_runtime(const std::string& wanted, size_t shm_bytes);

// Whether such a runtime started this program, as process 1 of its container.
// Then main() has to call play_in_runtime(), which returns the exit status.
bool is_in_runtime(int argc, char** argv);
int play_in_runtime();
