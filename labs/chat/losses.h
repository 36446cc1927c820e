// Act 2: one user is killed, and one does not read.
#pragma once

#include <string>

// Plays the act; returns "" or what went wrong.
std::string lose_users();
