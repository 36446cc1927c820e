// The receiver as a Python, where its standard library can be one.
#pragma once

#include <cstdint>
#include <string>

// Whether there is a Python for the mechanism of this name.
bool python_can(const std::string& mechanism);

// Sends as many messages to a Python; the sum of the numbers that it tells.
// Errors: std::runtime_error if Python fails, which says on standard error why.
uint64_t send_to_python(const std::string& mechanism, int messages);
