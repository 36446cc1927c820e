// Act 4: reading another process's memory from outside, and who may.
#pragma once

#include <string>

// A child writes `number` into a variable of its own, and Main reads it there:
// first while the child allows it, then when it does not. Before Main's first
// read `other_user` tries as well, unless it is 0; that needs root.
// Returns "", or what went wrong. Main and the children give up all privileges
// for good, so that root gets the same result as any other user.
std::string look_from_outside(int number, int other_user);
