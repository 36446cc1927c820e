// The worker's side of supervision. Supervisor runs a function in a process of
// its own; that function uses a Worker to show that it is alive, to receive
// commands, and to report.
//
//   void work(ipc::Worker& worker) {
//     while (!worker.stop_requested()) {
//       worker.beat();
//       if (const auto command = worker.try_command()) obey(*command);
//       do_a_little();
//     }
//   }
//
// Every life of a worker has its own Worker, so its commands, status texts and
// heartbeat cannot be those of the life before.
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

// The memory that a worker and its supervisor share, for one life.
//
// Ordering: none. Neither value publishes any other data, so all of their loads
//           and stores are relaxed.
struct alignas(64) LifeBoard {
  std::atomic<int64_t> beat_ns{0};  // The last beat, by CLOCK_MONOTONIC.
  std::atomic<bool> stop{false};    // The worker is asked to stop.

  static_assert(std::atomic<int64_t>::is_always_lock_free &&
                    std::atomic<bool>::is_always_lock_free,
                "a lock of the library would not be shared by processes");
};

// Lifetime: Supervisor creates it in the worker's process, for the whole life.
// Blocks:   next_command_until() waits for a command; report() waits only while
//           the supervisor reads nothing and the channel is full. Both send
//           heartbeats meanwhile, since a waiting worker does not hang.
// Fork:     a worker's children must not use it: they would beat in its name.
// Death:    what the worker reported before its death is still read.
class Worker {
 public:
  // `heartbeat_s` is how long it may be silent; 0 means without limit.
  Worker(std::string name, int life, double heartbeat_s, LifeBoard& board,
         Connection channel);

  [[nodiscard]] const std::string& name() const { return name_; }
  // The number of this life: 1 for the first, 2 after the first restart.
  [[nodiscard]] int life() const { return life_; }

  // Shows that the work makes progress. Call it from the work itself, never
  // from another thread or a timer: these would still beat when the work is
  // stuck.
  void beat() { board_.beat_ns.store(now_ns(), std::memory_order_relaxed); }

  // True once the supervisor has asked this worker to stop.
  [[nodiscard]] bool stop_requested() const {
    return board_.stop.load(std::memory_order_relaxed);
  }

  // Returns the next command. Returns nothing at the deadline, and once a stop
  // is requested and all commands from before it have been taken.
  [[nodiscard]] std::optional<std::string> next_command_until(
      Deadline deadline);
  [[nodiscard]] std::optional<std::string> try_command();

  // Sends a text to the supervisor. Throws std::system_error, EPIPE, if the
  // supervisor has closed this life's channel: the life is over for it.
  void report(std::string_view text);

  // Runs `work`, and tells the supervisor that it begins and, if it throws,
  // why. The exception then reaches the caller.
  void run(const std::function<void(Worker&)>& work);

 private:
  void send(char kind, std::string_view text);
  // When to beat while waiting: after half of heartbeat_s, so that a wait does
  // not look like a hang.
  [[nodiscard]] Deadline next_beat() const;

  std::string name_;
  int life_;
  double heartbeat_s_;
  LifeBoard& board_;
  Connection channel_;
};

// The first byte of each message that a worker sends.
inline constexpr char kWorkerBegun = 'b';
inline constexpr char kWorkerStatus = 's';
inline constexpr char kWorkerFailed = 'f';

}  // namespace ipc
