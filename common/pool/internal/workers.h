// The processes of a pool: which of them has which desk, which have died, and
// which take too long.
//
// Invariant: places_[i] belongs to desk i of the Board. While a place has a
//            process, its desk has the number of that process's life, which no
//            process before had. After reap() has returned a death, no process
//            writes at the desk until refill() starts the next life.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/pool/internal/board.h"
#include "common/pool/internal/worker.h"
#include "common/pool/task.h"
#include "common/process/process.h"

namespace ipc::pool_internal {

// A worker that has ended: which life it was, and how its task has failed.
struct Death {
  uint32_t life;
  uint64_t begun;  // As at its desk.
  FinishedTask failure;
};

// Where a worker is in its work.
struct Position {
  uint64_t batch = 0;
  uint64_t chunk = 0;
  uint64_t begun = 0;

  bool operator==(const Position&) const = default;
};

class Workers {
 public:
  // The pidfds of the processes are added to `epoll_fd`, with the place as
  // data.
  Workers(int count, const PoolOptions& options, const Plan& plan,
          int epoll_fd);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  Workers(Workers&&) = delete;
  Workers& operator=(Workers&&) = delete;
  ~Workers();

  // Reaps the worker at this place if it has ended. Never waits.
  std::optional<Death> reap(size_t place);
  // Fills the empty places; those that it cannot fill now are left to a later
  // call.
  void refill();

  // Kills the worker with this life if it has had this chunk, and has been at
  // the same task, for longer than the limit. `anew` restarts the count.
  void limit(uint32_t life, uint64_t batch, uint64_t chunk, double limit_s,
             int64_t now, bool anew);
  void kill(size_t place);

  [[nodiscard]] size_t count() const { return places_.size(); }
  [[nodiscard]] std::vector<pid_t> pids() const;
  [[nodiscard]] int deaths() const { return deaths_; }

 private:
  struct Place {
    std::optional<Process> process;
    uint32_t life = 0;
    Position position;     // Where limit() saw the worker last,
    int64_t since_ns = 0;  // and since when it has been there.
    double limit_s = 0;    // Above 0 if it was killed because it took longer.
  };

  void start(size_t place);
  [[noreturn]] void become(size_t place, uint32_t life);

  const PoolOptions& options_;
  const Plan& plan_;
  int epoll_fd_;
  pid_t owner_;
  std::vector<Place> places_;
  uint32_t lives_ = 0;
  int deaths_ = 0;
  int early_deaths_ = 0;  // In a row, before the initializer had returned.
  int64_t no_fork_since_ns_ = 0;
  std::string broken_;
};

// Makes epoll(7) report when `fd` is readable, with `data`.
void add_to_epoll(int epoll_fd, int fd, uint64_t data);

}  // namespace ipc::pool_internal
