// A meeting point: every process waits until the last one has arrived. Modelled
// on Python's multiprocessing.Barrier.
//
//   ipc::Shared<ipc::Barrier> barrier(3);
//   if (const auto place = barrier->wait()) {   // all three have arrived
//     if (*place == 0) ...                      // exactly one of them
//   }                                           // else: it is broken
//
// Layout:   under a robust mutex, one seat for each process that waits or has
//           not yet read how its round ended. The outcome is written into the
//           seats first, and then one store ends the round for all of them. So
//           a round never ends for only some of them, and a slow process reads
//           how its own round ended even if others are rounds ahead.
// Requires: processes of one pid and one time namespace, and their /proc.
// Errors:   std::system_error: ENOTSUP in a process whose namespaces differ
//           from those of the first process that used it; ENOENT without /proc.
// Blocks:   wait() until the round is complete or broken. If a deadline passes,
//           the barrier breaks for all parties, as in Python: the others would
//           wait in vain. Each arriving process holds a lock for some 100 ns to
//           be counted. One that is stopped (SIGSTOP) at that moment delays all
//           the others, whatever their deadlines.
// Ordering: what each party did before wait() is visible to all after it.
// Death:    the waiting processes check on each other. If one of them dies, the
//           others break the barrier within about kRecheckSeconds, unless the
//           round completes first: the dead process had arrived and counts. A
//           process that dies inside abort() or another call, while it holds
//           the internal lock, breaks the barrier as well. A death before
//           arrival cannot be detected, so give wait_until() a deadline.
// See:      pthread_barrier_wait(3), which hangs when a party dies.
#pragma once

#include <stdint.h>

#include <array>
#include <atomic>
#include <optional>
#include <type_traits>

#include "common/base/clock.h"
#include "common/process/process_identity.h"
#include "common/sync/futex.h"
#include "common/sync/robust_mutex.h"
#include "common/sync/sleepers.h"

namespace ipc {

class Barrier {
 public:
  static constexpr int kMaxParties = 64;

  explicit Barrier(int parties);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  Barrier(Barrier&&) = delete;
  Barrier& operator=(Barrier&&) = delete;
  ~Barrier() = default;

  // Returns the caller's place in the order of arrival, from 0, or nothing if
  // the barrier is broken or breaks meanwhile.
  [[nodiscard]] std::optional<int> wait() {
    return wait_until(Deadline::never());
  }
  [[nodiscard]] std::optional<int> wait_until(Deadline deadline);

  // Breaks the barrier: every waiting process, and every later caller of wait()
  // until reset(), gets nothing.
  void abort();

  // Makes the barrier as good as new. Processes that wait get nothing.
  void reset();

  [[nodiscard]] bool broken();
  [[nodiscard]] int n_waiting();
  [[nodiscard]] int parties() const { return parties_; }

 private:
  struct Seat {
    Holder holder;
    uint32_t round;
    bool complete;  // How the round ended; valid once it has ended.
  };

  void enter(Guard& guard);
  Seat* take_seat(Guard& guard, Deadline deadline);
  void await_end(Guard& guard, const Seat& seat, Deadline deadline);
  void sleep(Guard& guard, Deadline deadline);
  void end_round(bool complete);
  void break_round();
  Seat* find_seat();
  [[nodiscard]] bool is_waiting(const Seat& seat) const;
  [[nodiscard]] int count_waiting() const;
  [[nodiscard]] bool neighbour_lives(const Seat& seat) const;

  Home home_;
  RobustMutex mutex_{RobustMutex::Kind::internal};
  Sleepers sleepers_;
  int parties_;
  bool broken_ = false;
  std::atomic<uint32_t> round_{kCountsFrom};
  std::array<Seat, kMaxParties> seats_{};
};

static_assert(std::is_standard_layout_v<Barrier>,
              "all processes must agree where its bytes are");

}  // namespace ipc
