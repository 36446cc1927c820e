// What this process has taken and not given back.
#pragma once

#include <sys/types.h>

struct Inventory {
  int names = 0;        // Of shared memory, by any process of this run.
  int descriptors = 0;  // Open in this process.
  int zombies = 0;      // Children that have ended and are not reaped.

  bool operator==(const Inventory&) const = default;
};

Inventory take_inventory();

// Says what there is more than `before`. Returns whether that is nothing.
bool say_inventory(const char* when, const Inventory& before);

// How many descriptors above 2 of another process stand for the same pipe as
// this one of ours.
int count_ends(pid_t pid, int fd);
