// The memory that a Pool shares with its workers, and who may change what.
//
//   Ring of tickets --> Batch --> a word for each chunk --> tasks of the chunk
//
// The owner of the pool writes batches and tickets; the workers take chunks.
// A worker takes a chunk by one compare-and-exchange, which puts the number of
// its life into the chunk's word. From that instant on all can see which worker
// has the chunk, so the owner knows what a death at any instruction has hit.
// Tasks are done one by one, and each has a status byte that is stored after
// its result.
//
//   word of a chunk:   free --taken by life L--> claimed by L --> done
//                        ^------ L has died, tasks are left ---'
//
// `next` only says where to look for a free chunk. A worker killed between
// drawing a number and taking the chunk leaves a free chunk behind `next`, and
// the owner winds it back.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <cstddef>

#include "common/sync/sleepers.h"

namespace ipc::pool_internal {

inline constexpr size_t kBatchesMax = 1024;
inline constexpr size_t kTicketsMax = 4096;
inline constexpr int kWorkersMax = 64;
inline constexpr size_t kTextBytes = 120;

// What is stored in the status byte of a task.
enum class TaskState : uint8_t { open, returned, threw, lost };

// The word of a chunk: its state, the life that has it, and which of its tasks
// is the first to be done (not 0 if a worker has died in the middle of the
// chunk).
class ChunkWord {
 public:
  enum class State : uint64_t { free, claimed, done };

  explicit constexpr ChunkWord(uint64_t bits) : bits_(bits) {}
  constexpr ChunkWord(State state, uint32_t life, uint32_t start)
      : bits_(static_cast<uint64_t>(state) << 62 |
              static_cast<uint64_t>(life & kLifeMask) << 32 | start) {}

  [[nodiscard]] constexpr uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr State state() const {
    return static_cast<State>(bits_ >> 62);
  }
  [[nodiscard]] constexpr uint32_t life() const {
    return static_cast<uint32_t>(bits_ >> 32) & kLifeMask;
  }
  [[nodiscard]] constexpr uint32_t start() const {
    return static_cast<uint32_t>(bits_);
  }

 private:
  static constexpr uint32_t kLifeMask = (1U << 30) - 1;
  uint64_t bits_;
};

// What an exception said. The task is stored last.
struct FailureText {
  std::atomic<uint64_t> task_plus_one{0};
  char text[kTextBytes];
};

// The tasks of one call, in a slot that is used again when they are done. The
// owner writes all members but the atomics, while `id` is 0.
struct alignas(64) Batch {
  // All workers change these at every chunk, so they have their own cache line.
  std::atomic<uint64_t> next{0};        // A hint; see above.
  std::atomic<uint64_t> unfinished{0};  // Chunks; too high after a death.
  std::atomic<uint64_t> texts_used{0};
  std::byte apart[40];

  std::atomic<uint64_t> id{0};  // 0: no worker may begin with it.
  uint64_t first_number;        // That of its first task, over all batches.
  uint64_t task_count;
  uint64_t chunk_size;
  uint64_t chunk_count;
  uint64_t first_index;  // The argument of the first task, without arguments.
  uint64_t text_count;

  // Where its arrays are, in bytes from the beginning of the memory.
  uint64_t words;      // std::atomic<uint64_t>[chunk_count]: ChunkWord
  uint64_t states;     // std::atomic<TaskState>[task_count]
  uint64_t texts;      // FailureText[text_count]
  uint64_t arguments;  // 0 if the argument of a task is its index.
  uint64_t results;
};

// A ticket sends the workers to a batch: its id and its slot.
constexpr uint64_t make_ticket(uint64_t id, uint64_t slot) {
  return id << 16 | slot;
}
constexpr uint64_t ticket_id(uint64_t ticket) { return ticket >> 16; }
constexpr uint64_t ticket_slot(uint64_t ticket) { return ticket & 0xffff; }

// What a worker says of itself. Only the present life writes here, or the owner
// when that life is dead.
struct alignas(64) Desk {
  std::atomic<uint32_t> life{0};   // Which life has it; set by the owner.
  std::atomic<uint32_t> ready{0};  // 1 when the initializer has returned.
  std::atomic<uint64_t> begun{0};  // The number of its task, plus 1.

  // The slot of the batch that it may be looking at, plus 1. The owner uses a
  // slot and its memory again only when no desk names it.
  std::atomic<uint64_t> looking{0};
};

// When a worker is to wake the owner, through its eventfd.
enum class Notify : uint32_t { never, batch_done, chunk_done };

struct Board {
  std::atomic<uint64_t> head{0};  // The first ticket that may have free chunks;
                                  // the workers advance it.
  std::atomic<uint64_t> tail{0};  // Behind the last; the owner advances it.
  Sleepers sleepers;              // The workers that have nothing to do.
  std::atomic<Notify> notify{Notify::never};
  std::atomic<uint64_t> tickets[kTicketsMax] = {};
  Desk desks[kWorkersMax];
  Batch batches[kBatchesMax];
};

}  // namespace ipc::pool_internal
