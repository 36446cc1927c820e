// The memory that the workers of a pool read: which batch has which part of it,
// and when a part may be used again.
//
// Invariant: each slot, and each byte behind the Board, is in one of three
//            states: free, taken, or retired.
//            No two free regions touch each other.
//            What is retired belongs to a batch whose id is 0, so no worker
//            begins to look at it, but one may have begun before. It becomes
//            free when no desk names its slot; see WorkerLoop::take_ticket().
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/memory/shared.h"
#include "common/pool/internal/board.h"

namespace ipc::pool_internal {

constexpr uint64_t aligned(uint64_t size_bytes) {
  constexpr uint64_t kAlignment = 64;
  return (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// A slot for a batch, and a region of the memory for its arrays.
struct Space {
  uint64_t slot = 0;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

class Storage {
 public:
  Storage(size_t size_bytes, int worker_count);

  [[nodiscard]] std::byte* memory() const {
    return static_cast<std::byte*>(pages_.data());
  }

  // Takes a free slot and region; nothing if there is none of that size, or too
  // little room in the ring of tickets. Never waits.
  std::optional<Space> take(uint64_t size_bytes);
  // Requires: the id of the batch in this space is 0.
  void retire(const Space& space);
  // Makes free what was retired, unless a worker still looks at it.
  void reclaim();

  [[nodiscard]] bool has_retired() const { return !retired_.empty(); }
  // The desks that have named a retired slot for too long: their workers were
  // stopped between two tasks.
  [[nodiscard]] std::vector<size_t> overdue(int64_t now) const;

 private:
  struct Retired {
    Space space;
    int64_t since_ns;
  };

  [[nodiscard]] Board& board() const {
    return *reinterpret_cast<Board*>(memory());
  }
  std::optional<uint64_t> allocate(uint64_t size_bytes);
  void make_free(const Space& space);

  SharedPages pages_;
  std::span<const Desk> desks_;
  std::map<uint64_t, uint64_t> free_regions_;  // Offset and size.
  std::vector<uint64_t> free_slots_;
  std::vector<Retired> retired_;
};

}  // namespace ipc::pool_internal
