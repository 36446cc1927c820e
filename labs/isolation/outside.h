// Act 4: reading another process's memory from outside, and who may.
#pragma once

#include <string>

// A child writes `number` into a variable of its own, and Main reads it there:
// first while the child lets it, then when it does not. Before the first time
// `other_user` tries as well, unless it is 0; only root can try as another.
// Returns "", or what went wrong. Main and the children give up all privileges,
// for good, so that it is the same for root as for everybody.
std::string look_from_outside(int number, int other_user);
