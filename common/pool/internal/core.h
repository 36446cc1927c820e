// The owner's side of a Pool, for tasks whose types it does not know: bytes go
// in, bytes come out. See pool.h for what it promises, and board.h for the
// memory that it shares with its workers.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/memory/shared.h"
#include "common/pool/internal/worker.h"
#include "common/process/process.h"

namespace ipc {

struct PoolOptions {
  std::string name = "Worker";             // The workers are "Worker 1", ...
  std::function<void()> initializer = {};  // Runs first in every new worker.
  size_t memory_bytes = 64 << 20;          // For arguments and results in work.
};

// What holds for the tasks of one call.
struct TaskOptions {
  size_t chunk_size = 0;  // Tasks that a worker takes at once; 0: a quarter of
                          // each worker's share.
  int retries = 0;        // How often a task is done again whose worker died.
                          // Above 0 says: doing it twice does no harm.
  double limit_s = 0;     // A task that takes longer is killed: between this
                          // and 1.5 times this. 0: no limit.
};

enum class TaskEnd {
  returned,
  threw,        // An exception left the function.
  worker_died,  // Its worker ended in the middle of it.
  too_late,     // It took longer than limit_s, and its worker was killed.
  cancelled,    // It was never begun.
};

// What became of a task; `result` is there until its batch is dropped.
struct FinishedTask {
  size_t task = 0;  // Its index in its batch.
  TaskEnd end = TaskEnd::returned;
  const void* result = nullptr;
  int status = 0;  // How its worker ended, as of Process::join().
  std::string text;
};

class PoolCore {
 public:
  using BatchId = uint64_t;

  PoolCore(int worker_count, size_t argument_bytes, size_t result_bytes,
           pool_internal::Call call, PoolOptions options);
  PoolCore(const PoolCore&) = delete;
  PoolCore& operator=(const PoolCore&) = delete;
  PoolCore(PoolCore&&) = delete;
  PoolCore& operator=(PoolCore&&) = delete;
  ~PoolCore();

  // Hands `count` tasks to the workers. If `arguments` is null the argument of
  // the first task is `first_index`, and that of each other one more.
  BatchId start(const void* arguments, uint64_t first_index, size_t count,
                const TaskOptions& options);

  // A finished task that was not returned yet, in the order in which chunks
  // are done; nothing at the deadline, and when all were returned.
  std::optional<FinishedTask> next_until(BatchId id, Deadline deadline);
  // The same without a look at what the workers have done since the last one.
  std::optional<FinishedTask> next_seen(BatchId id);
  [[nodiscard]] size_t left(BatchId id) const;  // Not returned yet.
  [[nodiscard]] size_t count(BatchId id) const;

  // Whether all tasks have ended before the deadline; then what became of one.
  bool done_until(BatchId id, Deadline deadline);
  FinishedTask finished(BatchId id, size_t task);
  // The first that did not return, if any; and where all results are.
  std::optional<FinishedTask> first_failure(BatchId id);
  [[nodiscard]] const void* results(BatchId id) const;

  void cancel(BatchId id);
  void drop(BatchId id);

  // Readable when look() will find something. After the first call of fd()
  // every chunk that is done makes it so.
  int fd();
  void look();

  [[nodiscard]] std::vector<pid_t> pids() const;
  [[nodiscard]] int deaths() const { return deaths_; }

 private:
  struct Running;
  struct Place;
  struct Region {
    uint64_t offset = 0;
    uint64_t size_bytes = 0;
  };
  struct Retired {
    uint64_t slot;
    Region region;
    int64_t since_ns;
  };

  template <typename Ready>
  bool wait(pool_internal::Notify wanted, Deadline deadline, Ready ready);
  [[nodiscard]] Running& find(BatchId id) const;
  [[nodiscard]] pool_internal::Board& board() const { return plan_.board(); }

  // Workers.
  void start_worker(int place);
  [[noreturn]] void become_worker(int place, uint32_t life);
  void reap(int place);
  void refill();

  // Batches.
  std::optional<Region> allocate(uint64_t size_bytes);
  void give_back(Region region);
  bool find_room(uint64_t size_bytes, Region& region);
  void lay_out(Running& running, const void* arguments, uint64_t first_index,
               size_t count);
  void keep_results(Running& running);
  void release(Running& running);
  void reclaim();
  void issue_ticket(Running& running);

  // What the workers have done.
  void scan(Running& running);
  void settle(Running& running, uint32_t life, uint64_t begun,
              const FinishedTask& failure);
  bool settle_chunk(Running& running, uint64_t chunk, uint64_t begun,
                    const FinishedTask& failure);
  void wind_back(Running& running, uint64_t chunk);
  [[nodiscard]] FinishedTask describe(const Running& running,
                                      uint64_t task) const;
  [[nodiscard]] std::string text_of(const Running& running,
                                    uint64_t task) const;

  // What is to be done from time to time.
  void set_tick(double seconds);
  void arm_timer();
  void tick(int64_t now);
  void check_limits(int64_t now);
  void check_stalls();
  void check_retired(int64_t now);

  pid_t owner_;
  PoolOptions options_;
  SharedPages pages_;
  UniqueFd event_fd_;
  UniqueFd timer_fd_;
  UniqueFd epoll_fd_;
  pool_internal::Plan plan_;
  std::vector<Place> places_;
  std::map<BatchId, std::unique_ptr<Running>> running_;
  std::map<uint64_t, uint64_t> free_regions_;  // Offset and size.
  std::vector<uint64_t> free_slots_;
  std::vector<Retired> retired_;
  pool_internal::Notify wanted_ = pool_internal::Notify::never;
  bool watched_ = false;  // Somebody polls fd().
  uint64_t next_id_ = 1;
  uint64_t next_number_ = 0;
  uint32_t lives_ = 0;
  int deaths_ = 0;
  int early_deaths_ = 0;  // In a row, before the initializer had returned.
  double tick_s_ = 0;
  int64_t last_tick_ns_ = 0;
  int64_t no_fork_since_ns_ = 0;
  std::string broken_;
};

}  // namespace ipc
