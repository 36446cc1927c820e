// Permits that are taken and given back. Modelled on Python's
// multiprocessing.Semaphore and BoundedSemaphore.
//
//   ipc::Shared<ipc::BoundedSemaphore> seats(3U);
//   seats->acquire();       // at most three processes are between these lines
//   seats->release();
//
// Blocks:   acquire() until there is a permit; acquire_until() at most until
//           its deadline; try_acquire() never. Not fair: a process that tries
//           just when a permit is free gets it before those that wait.
// Ordering: what was done before release() is visible after the acquire that
//           took that permit.
// See:      sem_overview(7), futex.h
#pragma once

#include <stdint.h>

#include <array>
#include <atomic>
#include <type_traits>

#include "common/base/clock.h"
#include "common/process/process_identity.h"
#include "common/sync/sleepers.h"

namespace ipc {

// A count of permits without owners. Any process may release, even one that has
// not acquired: that is how one process tells another "one more is ready".
//
// Death:    a process that dies with a permit takes it along: the semaphore
//           does not know who has one. Where that matters, use a
//           BoundedSemaphore. A waiter's death delays the others by at most
//           kRecheckSeconds.
class Semaphore {
 public:
  explicit Semaphore(uint32_t permits = 1) : value_(permits) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  Semaphore(Semaphore&&) = delete;
  Semaphore& operator=(Semaphore&&) = delete;
  ~Semaphore() = default;

  void acquire() { (void)acquire_until(Deadline::never()); }
  [[nodiscard]] bool try_acquire();
  [[nodiscard]] bool acquire_until(Deadline deadline);
  void release();

  // How many permits are free.
  [[nodiscard]] uint32_t value() const { return value_.load(); }

 private:
  bool take();

  std::atomic<uint32_t> value_;
  Sleepers sleepers_;
};

// A fixed number of permits, each of which knows its holder: a process. Only
// that process, with any of its threads, can release it; IPC_CHECK otherwise.
//
// Layout:   one word per permit: 0 or the holder. There is no separate count
//           that could disagree with these words, wherever a process dies.
// Requires: processes of one pid and one time namespace, and their /proc.
// Errors:   std::system_error: ENOTSUP in a process whose namespaces differ
//           from those of the first process that used it; ENOENT without /proc.
//           A Semaphore has no holders, so containers can share one.
// Death:    a process that finds no free permit takes back those of dead
//           holders: acquire() and try_acquire() do so at once, a process that
//           sleeps already within kRecheckSeconds. The new holder is not told,
//           and must expect that the work under the permit may be half done.
// Fork:     the child of a holder holds nothing.
class BoundedSemaphore {
 public:
  static constexpr uint32_t kMaxPermits = 64;

  explicit BoundedSemaphore(uint32_t permits = 1);
  BoundedSemaphore(const BoundedSemaphore&) = delete;
  BoundedSemaphore& operator=(const BoundedSemaphore&) = delete;
  BoundedSemaphore(BoundedSemaphore&&) = delete;
  BoundedSemaphore& operator=(BoundedSemaphore&&) = delete;
  ~BoundedSemaphore() = default;

  void acquire() { (void)acquire_until(Deadline::never()); }
  [[nodiscard]] bool try_acquire();
  [[nodiscard]] bool acquire_until(Deadline deadline);
  void release();

  // How many permits are not held by a living process.
  [[nodiscard]] uint32_t value() const;

 private:
  bool exchange_one(Holder from, Holder to);
  bool take_back();
  bool take();

  uint32_t permits_;
  mutable Home home_;
  Sleepers sleepers_;
  std::array<std::atomic<Holder>, kMaxPermits> holders_{};
};

static_assert(std::is_standard_layout_v<Semaphore> &&
                  std::is_standard_layout_v<BoundedSemaphore>,
              "all processes must agree where their bytes are");

}  // namespace ipc
