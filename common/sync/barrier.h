// A meeting point: all wait until the last has come; after Python's
// multiprocessing.Barrier.
//
//   ipc::Shared<ipc::Barrier> barrier(3);
//   if (const auto place = barrier->wait()) {   // all three have come
//     if (*place == 0) ...                      // for one of them
//   }                                           // else: it is broken
//
// Layout:   under a robust mutex, one seat for each process that waits or has
//           not yet read how its round ended. The outcome is written into the
//           seats first, and then one store ends the round for all of them; so
//           no round ends for some and not for others, and a slow one reads its
//           own round's end although others are rounds ahead.
// Requires: processes of one pid and one time namespace, and their /proc.
// Errors:   std::system_error, ENOTSUP, to a process of others than the first
//           that used it; ENOENT if there is no /proc.
// Blocks:   wait() until the round is complete or broken. A deadline that has
//           passed breaks it for all, as in Python: the others would wait in
//           vain. To be counted each holds a lock for some 100 ns: a party that
//           is stopped (SIGSTOP) just then holds up all, whatever their
//           deadlines.
// Ordering: what each did before wait() is visible to all after it.
// Death:    of a process that waits: those who wait look after one another, and
//           break the barrier within about kRecheckSeconds, unless the round is
//           complete by then, since it had come. Inside abort() and the like,
//           at any instruction: broken as well. Before it has come: nobody can
//           know that it would have, so give wait_until() a deadline.
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

  // The place in the order of arrival, from 0; nothing if the barrier is broken
  // or gets broken.
  [[nodiscard]] std::optional<int> wait() {
    return wait_until(Deadline::never());
  }
  [[nodiscard]] std::optional<int> wait_until(Deadline deadline);

  // Breaks it: all who wait, and all who come, get nothing, until reset().
  void abort();

  // Makes it as new. Those who wait get nothing.
  void reset();

  [[nodiscard]] bool broken();
  [[nodiscard]] int n_waiting();
  [[nodiscard]] int parties() const { return parties_; }

 private:
  struct Seat {
    Holder holder;
    uint32_t round;
    bool complete;  // How the round ended; valid when it has.
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
