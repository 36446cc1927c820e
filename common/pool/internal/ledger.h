// The owner's records of one batch: which chunks are done, which of their tasks
// were returned, and what the death of a worker has cost.
//
//   0 ........ scanned_ ........ drawn_ ........ chunk_count_
//     done,             not yet          never taken
//     or pending_       looked at
//
// Invariants:
//  - Only chunks below drawn_ were ever taken. drawn_ is the highest value of
//    Batch::next that we have seen: `next` goes back when a chunk is set free
//    again.
//  - A chunk below scanned_ is in pending_, in ascending order, or we have seen
//    once that it is done: then it was counted and put into fresh_.
//  - fresh_ has the chunks that are done and have tasks that were not returned;
//    of the first chunk, fresh_tasks_ tasks were returned.
//  - failures_ has the tasks that were lost with their workers.
//  - troubled_ is false as long as Batch::unfinished counts right. After that
//    the workers do not know when the batch is done, and must report each chunk
//    to the owner.
//  - states_ and results_ are in the shared memory while batch_ is not null,
//    and then in our own.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/pool/internal/board.h"
#include "common/pool/internal/storage.h"
#include "common/pool/internal/worker.h"
#include "common/pool/internal/workers.h"
#include "common/pool/task.h"

namespace ipc::pool_internal {

class Ledger {
 public:
  Ledger(const Plan& plan, uint64_t id, uint64_t task_count, size_t workers,
         bool has_arguments, const TaskOptions& options);

  // The memory that its arrays take. lay_out() puts them there.
  [[nodiscard]] uint64_t size_bytes() const { return layout_.size_bytes; }
  void lay_out(const Space& space, const void* arguments, uint64_t first_index,
               uint64_t first_number);
  // Lets the workers begin. Requires: lay_out().
  void begin();

  // Finds the chunks that are done.
  void scan();
  // Frees the chunks that a dead worker had taken.
  void settle(const Death& death);
  // To be called from time to time: lets the workers find chunks that they have
  // missed.
  void find_stalled();
  // From here on no task is begun.
  void cancel();

  [[nodiscard]] bool done() const { return done_chunks_ == chunk_count_; }
  // Whether the workers must report each chunk to the owner.
  [[nodiscard]] bool troubled() const { return troubled_ && !done(); }
  [[nodiscard]] size_t count() const { return task_count_; }
  [[nodiscard]] size_t left() const { return task_count_ - returned_tasks_; }

  // A task that has ended, each once; nothing if scan() has found no other.
  [[nodiscard]] bool has_fresh() const { return !fresh_.empty(); }
  std::optional<FinishedTask> next();
  // What became of a task, or of the first that did not return; and where the
  // results are. All three require done().
  [[nodiscard]] FinishedTask finished(uint64_t task) const;
  [[nodiscard]] std::optional<FinishedTask> first_failure() const;
  [[nodiscard]] const void* results() const { return results_; }

  // The user has given up the batch: it can go when it is done.
  void drop();
  [[nodiscard]] bool is_over() const { return dropped_ && done(); }

  // Copies the results, so that other batches can get the memory.
  void keep_results();
  // Closes the batch: from here on no worker begins to look at it. The first
  // call returns the space that it had.
  std::optional<Space> close();

  // Calls what(life, chunk, limit_s) for each pending chunk that a worker has.
  template <typename What>
  void for_each_limited(What what) const {
    if (options_.limit_s <= 0) return;
    for (const Pending& pending : pending_) {
      const ChunkWord word(words_[pending.chunk]);
      if (word.state() != ChunkWord::State::claimed) continue;
      what(word.life(), pending.chunk, options_.limit_s);
    }
  }

 private:
  // Where the arrays are, counted from the first, which has the chunk words.
  struct Layout {
    Layout(const Plan& plan, uint64_t task_count, uint64_t chunk_count,
           bool has_arguments);
    uint64_t text_count;
    uint64_t states;
    uint64_t texts;
    uint64_t arguments;  // All arrays before this one begin as zeros.
    uint64_t results;
    uint64_t size_bytes;
  };
  struct Pending {
    uint64_t chunk;
    bool was_free;  // At the last tick, although workers had passed it.
  };

  [[nodiscard]] uint64_t first_task(uint64_t chunk) const {
    return chunk * chunk_size_;
  }
  [[nodiscard]] uint64_t end_task(uint64_t chunk) const;
  void issue_ticket();
  bool settle_chunk(uint64_t chunk, const Death& death);
  void wind_back(uint64_t chunk);
  [[nodiscard]] FinishedTask describe(uint64_t task) const;
  [[nodiscard]] std::string text_of(uint64_t task) const;

  const Plan& plan_;
  uint64_t id_;
  TaskOptions options_;
  uint64_t task_count_;
  uint64_t chunk_size_;
  uint64_t chunk_count_;
  Layout layout_;

  Space space_;
  Batch* batch_ = nullptr;
  std::atomic<uint64_t>* words_ = nullptr;
  const TaskState* states_ = nullptr;
  const std::byte* results_ = nullptr;
  std::vector<TaskState> kept_states_;
  std::vector<std::byte> kept_results_;

  uint64_t drawn_ = 0;
  uint64_t scanned_ = 0;
  std::vector<Pending> pending_;
  uint64_t done_chunks_ = 0;
  std::deque<uint64_t> fresh_;
  uint64_t fresh_tasks_ = 0;
  uint64_t returned_tasks_ = 0;

  std::map<uint64_t, FinishedTask> failures_;
  std::map<uint64_t, int> retries_;
  bool troubled_ = false;
  bool cancelled_ = false;
  bool dropped_ = false;
  bool ticket_due_ = false;
};

}  // namespace ipc::pool_internal
