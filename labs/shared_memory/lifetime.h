// The end of a piece of shared memory: for one process, and for all.
#pragma once

#include <string>
#include <system_error>

#include "common/memory/shared_memory.h"
#include "common/report/report.h"
#include "labs/shared_memory/board.h"

template <typename Action>
inline void say_failure(const char* what, Action action) {
  try {
    action();
    ipc::say("{}: it works", what);
  } catch (const std::system_error& error) {
    ipc::say("{}: {}", what, error.code().message());
  }
}

// What close() ends, and what unlink() does.
inline std::string close_and_unlink(ipc::SharedMemory& ours) {
  const ipc::SharedMemory theirs = ipc::SharedMemory::open(ours.name());
  ours.close();
  say_failure("Access after close", [&] { (void)ours.as<Board>(); });  // [use]
  say_failure("Open after close",
              [&] { ipc::SharedMemory::open(ours.name()); });
  if (!ours.unlink()) return "another process removed the name";
  say_failure("Open after unlink",
              [&] { ipc::SharedMemory::open(ours.name()); });
  ipc::say("Read after unlink: {}", copy(theirs.as<Board>()).front());
  return "";
}
