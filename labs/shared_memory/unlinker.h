// Removes a name at the end of a scope, also when a schedule is abandoned.
#pragma once

#include "common/memory/shared_memory.h"

struct Unlinker {
  const ipc::SharedMemory& memory;

  explicit Unlinker(const ipc::SharedMemory& named) : memory(named) {}
  Unlinker(const Unlinker&) = delete;
  Unlinker& operator=(const Unlinker&) = delete;
  Unlinker(Unlinker&&) = delete;
  Unlinker& operator=(Unlinker&&) = delete;
  ~Unlinker() { memory.unlink(); }
};
