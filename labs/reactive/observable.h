// A value that one process changes and others follow. They see the newest one,
// and never a backlog.
//
//   ipc::Shared<ipc::Observable<int>> price;     // before the fork
//   price->begin();                              // in one process
//   price->publish(1, 100);
//   ipc::Subscription<int> prices(*price);       // in the others
//   while (const auto seen = prices.next_until(deadline)) {
//     ipc::say("{} of epoch {}", seen.value, seen.epoch);
//   }
//
// Each value has an epoch: the number of the change that it follows from. A
// process that derives a value from others publishes it under their epoch, so
// values of one epoch belong together, whichever path they took.
//
// Layout:   two slots, and the number of publications. The newest value is in
//           the slot of the last one, the next is written into the other, and
//           published by one store: no reader sees half of it.
// Requires: T is trivially copyable and has no pointers. One publisher. And
//           processes of one pid and one time namespace, with their /proc; in
//           another begin() and next_until() throw std::system_error, ENOTSUP.
// Blocks:   next_until() until there is an epoch that was not seen. publish()
//           never: a subscriber that falls behind misses values, and missed()
//           says how many.
// Ordering: what was done before publish() is visible to a process that has
//           seen its value or a later one.
// Death:    the publisher, anywhere: the newest value stays as it was, and
//           subscribers get `died` within kRecheckSeconds; one successor may
//           begin(). A process that dies before begin() was not the publisher
//           yet, so it takes a deadline to notice. A subscriber: no other
//           process notices.
// See:      sleepers.h, process_identity.h;
//           Lamport 1977, "Concurrent Reading and Writing".
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/process/process_identity.h"
#include "common/sync/sleepers.h"

namespace ipc {

enum class Change {
  newer,      // There is a value that was not seen yet.
  ended,      // None, and the publisher has said that none will come.
  died,       // None, and the publisher has died.
  timed_out,  // None until the deadline.
};

// "newer", "ended", "died" or "timed out".
const char* describe(Change change);

// What a subscriber sees: a new value, or the newest and why there is no newer.
template <typename T>
struct Observed {
  Change status = Change::newer;
  uint64_t epoch = 0;    // 0 if nothing was published yet.
  uint64_t version = 0;  // The publications of this object up to this one.
  T value{};

  explicit operator bool() const { return status == Change::newer; }
};

// What does not depend on the type of the value.
class ObservableBase {
 public:
  // Makes this process the publisher, if its predecessor is dead or done, or
  // there was none. Of several that try at the same time one succeeds; for the
  // others try_begin() returns false, and begin() throws std::system_error,
  // EBUSY.
  [[nodiscard]] bool try_begin();
  void begin();
  // Says that no value will follow, and stops being the publisher.
  void end();

 protected:
  // Announces in the event log that its process waits, and counts as sleeper.
  class Waiting {
   public:
    explicit Waiting(const ObservableBase& observable);
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    Waiting(Waiting&&) = delete;
    Waiting& operator=(Waiting&&) = delete;
    ~Waiting();

   private:
    const ObservableBase& observable_;
    Sleepers::Stay stay_;
  };

  // Why nothing newer will come; `newer` if it may.
  [[nodiscard]] Change outlook() const;
  [[nodiscard]] bool is_publisher() const;

  std::atomic<uint64_t> version_{0};
  mutable Sleepers sleepers_;

 private:
  // The process that may publish. It is set by one compare-and-exchange, so no
  // two processes have the right at once; only the holder changes the rest.
  mutable Home home_;
  std::atomic<Holder> publisher_{Holder::nobody};
  std::atomic<bool> ended_{false};  // The last publisher has said so.
};

template <typename T>
class Observable : public ObservableBase {
  static_assert(std::is_trivially_copyable_v<T>,
                "its bytes are copied from one process to another");

 public:
  Observable() = default;
  // Has a value of epoch 1 from the beginning, which no process has published.
  explicit Observable(const T& first) { store(1, first); }

  // Publishes a value. Requires: begin() in this process, and an epoch that is
  // later than that of the value before.
  void publish(uint64_t epoch, const T& value);

  // The newest value, which may have been seen before; never waits.
  [[nodiscard]] Observed<T> latest() const;

  // The newest value if its epoch is later than `epoch`; waits for that.
  [[nodiscard]] Observed<T> newer_until(uint64_t epoch,
                                        Deadline deadline) const;

 private:
  // The epoch and the value, in words that two processes may touch at the same
  // time.
  static constexpr size_t kWords = 1 + (sizeof(T) + 7) / 8;
  using Slot = std::array<std::atomic<uint64_t>, kWords>;

  void store(uint64_t epoch, const T& value);

  std::array<Slot, 2> slots_{};
};

// What one subscriber has seen of an observable. It belongs to one process.
template <typename T>
class Subscription {
 public:
  explicit Subscription(const Observable<T>& observable)
      : observable_(observable) {}

  // The newest value, if it was not returned before; waits for one.
  [[nodiscard]] Observed<T> next_until(Deadline deadline) {
    const Observed<T> seen = observable_.newer_until(epoch_, deadline);
    if (!seen) return seen;
    missed_ += seen.version - version_ - 1;
    epoch_ = seen.epoch;
    version_ = seen.version;
    return seen;
  }

  // How many values were replaced by newer ones before they were seen.
  [[nodiscard]] uint64_t missed() const { return missed_; }

 private:
  const Observable<T>& observable_;
  uint64_t epoch_ = 0;
  uint64_t version_ = 0;
  uint64_t missed_ = 0;
};

template <typename T>
void Observable<T>::publish(uint64_t epoch, const T& value) {
  IPC_CHECK(is_publisher() && epoch > latest().epoch);
  store(epoch, value);
  sleepers_.wake_all();
}

template <typename T>
void Observable<T>::store(uint64_t epoch, const T& value) {
  std::array<uint64_t, kWords> words{epoch};
  std::memcpy(&words[1], &value, sizeof value);
  // Relaxed: this process alone stores it.
  const uint64_t version = version_.load(std::memory_order_relaxed) + 1;
  Slot& slot = slots_[version % 2];
  // Pairs with the fence in latest(): a reader that has met one of these words
  // will find that the version is no longer the one whose slot it reads.
  std::atomic_thread_fence(std::memory_order_release);
  for (size_t i = 0; i < kWords; ++i) {
    slot[i].store(words[i], std::memory_order_relaxed);  // See the fence.
    if (i == 0) inner_point("observable: half written");
  }
  // Release: a reader that loads this version sees the words. Death before it
  // leaves the value before, in the other slot.
  version_.store(version, std::memory_order_release);
}

template <typename T>
Observed<T> Observable<T>::latest() const {
  while (true) {
    // Acquire: the words of this version.
    const uint64_t version = version_.load(std::memory_order_acquire);
    const Slot& slot = slots_[version % 2];
    inner_point("observable: before it is copied");
    std::array<uint64_t, kWords> words{};
    for (size_t i = 0; i < kWords; ++i) {
      words[i] = slot[i].load(std::memory_order_relaxed);  // See the fence.
    }
    // Pairs with the fence in publish().
    std::atomic_thread_fence(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) != version) continue;
    Observed<T> seen{.epoch = words[0], .version = version};
    std::memcpy(static_cast<void*>(&seen.value), &words[1], sizeof(T));
    return seen;
  }
}

template <typename T>
Observed<T> Observable<T>::newer_until(uint64_t epoch,
                                       Deadline deadline) const {
  Observed<T> seen = latest();
  if (seen.epoch > epoch) return seen;
  const Waiting waiting(*this);
  while (true) {
    const uint32_t ticket = sleepers_.ticket();
    // Before the look: what was published before the end is not missed.
    const Change change = outlook();
    seen = latest();
    if (seen.epoch > epoch) return seen;
    seen.status = change;
    if (change != Change::newer) return seen;
    seen.status = Change::timed_out;
    if (deadline.expired()) return seen;
    sleepers_.sleep(ticket, deadline);
  }
}

}  // namespace ipc
