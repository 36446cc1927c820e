// The processes of a pool: who sits at which desk, who has died, and who takes
// too long.
//
// Invariant: places_[i] belongs to desk i of the Board. While it has a process
//            its desk has the life of that process, and no process before had
//            the same. Once reap() has told of a death, nobody writes at the
//            desk until refill() starts the next life.
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

// A worker that has ended: what it was, and what becomes of its task.
struct Death {
  uint32_t life;
  uint64_t begun;  // As of its desk.
  FinishedTask failure;
};

// Where a worker is.
struct Position {
  uint64_t batch = 0;
  uint64_t chunk = 0;
  uint64_t begun = 0;

  bool operator==(const Position&) const = default;
};

class Workers {
 public:
  // The ends of processes are added to `epoll_fd`, with the place as data.
  Workers(int count, const PoolOptions& options, const Plan& plan,
          int epoll_fd);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  Workers(Workers&&) = delete;
  Workers& operator=(Workers&&) = delete;
  ~Workers();

  // Takes note of the end of the worker at this place, if it has ended.
  std::optional<Death> reap(size_t place);
  // Fills the empty places; if that cannot be done now, then at a later call.
  void refill();

  // Kills the worker with this life if it has had this chunk, and has been at
  // the same task, for longer than the limit. `anew` begins to count again.
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
    Position position;     // Where limit() saw it,
    int64_t since_ns = 0;  // for the first time then.
    double limit_s = 0;    // Above 0 if it was killed for being too late.
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

// To epoll(7), as readable.
void add_to_epoll(int epoll_fd, int fd, uint64_t data);

}  // namespace ipc::pool_internal
