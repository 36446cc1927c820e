// What the writer and the reader do with the board.
#pragma once

#include <fmt/ranges.h>

#include <string>

#include "common/base/hooks.h"
#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/report/report.h"
#include "labs/shared_memory/board.h"

// Sets the numbers to 0, to 1, and so on until `last`.
inline void write(const std::string& name, int last, bool use_sequence) {
  constexpr double kPauseS = 0.05;
  const auto memory = ipc::SharedMemory::open(name);
  auto& board = memory.as<Board>();
  for (int number = 0; number <= last; ++number) {
    if (use_sequence) begin_change(board);
    fill(board, number);
    ipc::say("Set shared memory to {}", number);
    if (use_sequence) end_change(board);
    ipc::point("set");
    ipc::pause_s(kPauseS);
  }
}

// Returns how many of its copies were torn.
inline int read(const std::string& name, int looks, bool use_sequence) {
  const auto memory = ipc::SharedMemory::open(name);
  const auto& board = memory.as<Board>();
  int torn = 0;
  Numbers seen{};
  for (int look = 0; look < looks; ++look) {
    if (look > 0) ipc::point("looked");
    Numbers copied{};
    const bool whole = copy_whole(board, copied);
    if (use_sequence && !whole) continue;  // [again]
    seen = copied;
    if (seen.front() == seen.back()) {
      ipc::say("Saw {}", seen.front());
    } else {
      ++torn;
      ipc::say("Saw {}, which nobody wrote", seen);
    }
  }
  ipc::say("Torn: {} of {} looks, last value {}{}", torn, looks, seen.front(),
           use_sequence ? "" : " (without sequence)");
  return torn;
}
