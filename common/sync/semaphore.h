// Permits, taken and given back; after Python's multiprocessing.Semaphore and
// BoundedSemaphore.
//
//   ipc::Shared<ipc::BoundedSemaphore> seats(3U);
//   seats->acquire();       // at most three processes are between these lines
//   seats->release();
//
// Blocks:   acquire() until there is a permit; acquire_until() at most to its
//           deadline; try_acquire() never. Not fair: who comes first gets it.
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

// A count of permits that belong to nobody. Anyone may release, also who has
// not acquired: that is how one process tells another "one more is ready".
//
// Death:    the permit of a process that dies with it is lost: nobody knows
//           that it had one. Where that matters take a BoundedSemaphore. The
//           death of a waiter changes nothing, but may delay the others by
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

  // How many permits are there to be taken.
  [[nodiscard]] uint32_t value() const { return value_.load(); }

 private:
  bool take();

  std::atomic<uint32_t> value_;
  Sleepers sleepers_;
};

// A fixed number of permits, each of which knows its holder: a process. Only
// that process, with any of its threads, can release it; IPC_CHECK otherwise.
//
// Layout:   one word a permit: 0 or the holder. There is no count beside it, so
//           the two cannot disagree, wherever a process dies.
// Requires: processes of one pid and one time namespace, and their /proc.
// Errors:   std::system_error, ENOTSUP, to a process of others than the first
//           that used it; ENOENT if there is no /proc. A Semaphore knows nobody
//           and can be shared by containers.
// Death:    the permit of a dead holder is taken back by whoever finds none
//           free: by acquire() and try_acquire() at once, by those who sleep
//           already within kRecheckSeconds. It is for them to know that what
//           the permit stood for may be half done.
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
