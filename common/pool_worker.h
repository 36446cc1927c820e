// What a worker of a Pool does from its beginning to its end; see pool_board.h.
//
// Death: at any instruction. What it has done is done; the task that it was at
//        is known by its desk, and the chunk that it had by the chunk's word.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <functional>
#include <vector>

#include "common/pool_board.h"

namespace ipc::pool_internal {

// Runs one task: reads `argument`, or takes `index` for it if that is null, and
// writes the result.
using Call =
    std::function<void(const void* argument, uint64_t index, void* result)>;

// What the pool and its workers know since before the fork.
struct Plan {
  Call call;
  size_t argument_bytes = 0;
  size_t result_bytes = 0;
  std::byte* memory = nullptr;  // Shared; the Board is at its beginning.
  int event_fd = -1;            // Written to tell the owner.

  [[nodiscard]] Board& board() const {
    return *reinterpret_cast<Board*>(memory);
  }
  template <typename T>
  [[nodiscard]] T* at(uint64_t offset) const {
    return reinterpret_cast<T*>(memory + offset);
  }
};

class WorkerLoop {
 public:
  WorkerLoop(const Plan& plan, int place, uint32_t life);

  // Takes and does chunks until the process is killed.
  [[noreturn]] void run();

 private:
  bool take_ticket();
  void work_at(Batch& batch);
  void take_chunk(Batch& batch, uint64_t chunk);
  TaskState run_task(Batch& batch, uint64_t task);
  void keep_text(Batch& batch, uint64_t task, const char* text) const;
  void tell_owner(bool batch_done) const;
  void check_fence(const std::atomic<uint64_t>& word, ChunkWord mine) const;

  const Plan& plan_;
  Board& board_;
  Desk& desk_;
  uint32_t life_;
  std::vector<std::byte> result_;  // Of the task at hand; nobody else's yet.
};

}  // namespace ipc::pool_internal
