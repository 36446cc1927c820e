// The worker's side of supervision: what a function that Supervisor runs in a
// process of its own uses to show that it lives, to hear and to report.
//
//   void work(ipc::Worker& worker) {
//     while (!worker.stop_requested()) {
//       worker.beat();
//       if (const auto command = worker.try_command()) obey(*command);
//       do_a_little();
//     }
//   }
//
// Every life of a worker has a Worker of its own: its commands, its status
// texts and its heartbeat cannot be those of the life before.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/channel/connection.h"

namespace ipc {

// What a worker and its supervisor share in memory, for one life.
//
// Ordering: none. Both values stand for themselves and publish nothing else,
//           so all of their loads and stores are relaxed.
struct alignas(64) LifeBoard {
  std::atomic<int64_t> beat_ns{0};  // The last beat, of CLOCK_MONOTONIC.
  std::atomic<bool> stop{false};    // The worker is asked to stop.

  static_assert(std::atomic<int64_t>::is_always_lock_free &&
                    std::atomic<bool>::is_always_lock_free,
                "a lock of the library would not be shared by processes");
};

// Lifetime: made by Supervisor in the worker's process; lives as long as it.
// Blocks:   next_command_until waits for a command; report only while the
//           supervisor reads nothing and the channel is full. Both go on
//           beating: a worker that waits is not one that hangs.
// Fork:     not for the children of a worker: they would beat in its name.
// Death:    what was reported before is still read.
class Worker {
 public:
  // `heartbeat_s` is how long it may be silent, 0 if as long as it likes.
  Worker(std::string name, int life, double heartbeat_s, LifeBoard& board,
         Connection channel);

  [[nodiscard]] const std::string& name() const { return name_; }
  // 1 for the first, 2 after the first restart.
  [[nodiscard]] int life() const { return life_; }

  // Shows that the work goes on; to be called from the work itself, never from
  // a thread or a timer, which would go on beating when the work has stopped.
  void beat() { board_.beat_ns.store(now_ns(), std::memory_order_relaxed); }

  // True once the supervisor wants this worker to come to its end.
  [[nodiscard]] bool stop_requested() const {
    return board_.stop.load(std::memory_order_relaxed);
  }

  // The next command; nothing at the deadline, or once a stop is requested and
  // all commands from before have been taken.
  [[nodiscard]] std::optional<std::string> next_command_until(
      Deadline deadline);
  [[nodiscard]] std::optional<std::string> try_command();

  // Sends a text to the supervisor. Throws std::system_error, EPIPE, if this
  // life is over for the supervisor.
  void report(std::string_view text);

  // Runs `work` and tells the supervisor when it begins and why it has failed.
  // What `work` throws goes on to the caller.
  void run(const std::function<void(Worker&)>& work);

 private:
  void send(char kind, std::string_view text);
  // Half of what it may be silent for, so that waiting does not look like it.
  [[nodiscard]] Deadline next_beat() const;

  std::string name_;
  int life_;
  double heartbeat_s_;
  LifeBoard& board_;
  Connection channel_;
};

// The first byte of what a worker sends.
inline constexpr char kWorkerBegun = 'b';
inline constexpr char kWorkerStatus = 's';
inline constexpr char kWorkerFailed = 'f';

}  // namespace ipc
