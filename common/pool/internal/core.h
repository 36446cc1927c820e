// The owner's side of a Pool, for tasks whose types it does not know: bytes go
// in, bytes come out. See pool.h for what it promises, and board.h for the
// memory that it shares with its workers.
//
// It connects a Ledger for each batch, the Storage that they share, and the
// Workers: it waits, and looks at what has happened.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/pool/internal/ledger.h"
#include "common/pool/internal/storage.h"
#include "common/pool/internal/ticker.h"
#include "common/pool/internal/worker.h"
#include "common/pool/internal/workers.h"
#include "common/pool/task.h"

namespace ipc {

class PoolCore {
 public:
  using BatchId = uint64_t;

  PoolCore(int worker_count, size_t argument_bytes, size_t result_bytes,
           pool_internal::Call call, PoolOptions options);

  // Hands `count` tasks to the workers. If `arguments` is null, the argument of
  // the first task is `first_index`, and that of each next task is one more.
  BatchId start(const void* arguments, uint64_t first_index, size_t count,
                const TaskOptions& options);

  // A finished task that was not returned yet, in the order in which chunks
  // are done; nothing at the deadline, and when all were returned.
  std::optional<FinishedTask> next_until(BatchId id, Deadline deadline);
  // The same without a look at what the workers have done since the last look.
  std::optional<FinishedTask> next_seen(BatchId id) { return find(id).next(); }
  // How many were not returned yet.
  [[nodiscard]] size_t left(BatchId id) const { return find(id).left(); }
  [[nodiscard]] size_t count(BatchId id) const { return find(id).count(); }

  // Waits until all tasks have ended, false at the deadline; then what became
  // of one of them.
  bool done_until(BatchId id, Deadline deadline);
  FinishedTask finished(BatchId id, size_t task) const {
    return find(id).finished(task);
  }
  // The first task that did not return, if any; and where all results are.
  std::optional<FinishedTask> first_failure(BatchId id) const {
    return find(id).first_failure();
  }
  [[nodiscard]] const void* results(BatchId id) const {
    return find(id).results();
  }

  void cancel(BatchId id) { find(id).cancel(); }
  void drop(BatchId id);

  // Readable when look() will find something. After the first call of fd()
  // every chunk that is done makes the descriptor readable.
  int fd();
  void look();

  [[nodiscard]] std::vector<pid_t> pids() const { return workers_.pids(); }
  [[nodiscard]] int deaths() const { return workers_.deaths(); }

 private:
  using Ledgers = std::map<BatchId, std::unique_ptr<pool_internal::Ledger>>;

  [[nodiscard]] pool_internal::Board& board() const { return plan_.board(); }
  [[nodiscard]] pool_internal::Ledger& find(BatchId id) const;

  template <typename Ready>
  bool wait(pool_internal::Notify wanted, Deadline deadline, Ready ready);
  [[nodiscard]] pool_internal::Notify wanted() const;
  void tick(int64_t now);

  pool_internal::Space make_room(uint64_t size_bytes);
  void release(pool_internal::Ledger& ledger);
  void forget_dropped();

  PoolOptions options_;
  pool_internal::Storage storage_;
  UniqueFd event_fd_;
  pool_internal::Ticker ticker_;
  UniqueFd epoll_fd_;
  pool_internal::Plan plan_;
  Ledgers ledgers_;
  pool_internal::Notify wanted_ = pool_internal::Notify::never;
  bool watched_ = false;  // An event loop polls fd().
  BatchId next_id_ = 1;
  uint64_t next_number_ = 0;
  pool_internal::Workers workers_;  // The last member: it forks.
};

}  // namespace ipc
