// What a message costs with each mechanism, compared with a pipe.
#pragma once

#include <vector>

#include "labs/mechanisms/specification.h"

// Says a line for each: the time of a CPU for one send and one receive, as a
// multiple of a pipe's, with the middle half of the rounds.
void compare_costs(const std::vector<NamedMechanism>& chosen);
