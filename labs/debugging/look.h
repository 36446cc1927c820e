// What /proc says about another process.
#pragma once

#include <sys/types.h>

#include <string>

struct Look {
  char state = '?';       // R runs or could run, S sleeps; see proc(5).
  std::string call;       // The system call in which it sleeps, or "".
  long cpu_ticks = 0;     // Time on a processor, in clock ticks.
  long sleeps = 0;        // How often it has gone to sleep.
  int descriptors = 0;    // How many it has open.
  long memory_bytes = 0;  // What it really has, not what it has asked for.
};

Look look_at(pid_t pid);
