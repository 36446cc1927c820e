// The receiver as a Python program, where its standard library suffices.
#pragma once

#include <cstdint>
#include <string>

// Whether Python can receive over the mechanism of this name.
bool python_can(const std::string& mechanism);

// Sends `messages` messages to a Python process; returns the sum it reports.
// Errors: std::runtime_error if Python fails, which says on standard error why.
uint64_t send_to_python(const std::string& mechanism, int messages);
