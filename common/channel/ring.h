// A ring that carries items of one size from one process to one other, without
// locks or system calls: an SPSC (single-producer, single-consumer) queue.
//
//   ipc::SpscRing ring(4, sizeof(int));                  // before the fork
//   while (!ring.try_put(&number)) ::sched_yield();      // in one process
//   while (!ring.try_get(&number)) ::sched_yield();      // in the other
//
// Layout:   two counters, and the slots after them. Item n lies in slot n
//           modulo the number of slots, a power of two. The tail counts all
//           items ever put, and only the producer stores it. The head counts
//           all items ever taken, and only the consumer stores it. Both only
//           grow: at an item each nanosecond, 64 bits last for 500 years. So
//           the ring is empty if they are equal, and full if they differ by
//           max_items. Indices that wrap to 0 would be equal in both cases.
//
//             head = 5                tail = 8
//             |                       |
//             slot 1, slot 2, slot 3, (slot 0)     items 5 to 7, of 4 slots
//
// Limits:   max_items items; one takes its size, rounded up to a multiple of
//           64, so that no two items share a cache line.
// Requires: at most one producer and one consumer at a time. Another process
//           may replace either of them, if what the old one did is visible to
//           the new one: after Process::join(), for example. With two producers
//           at a time items are lost; use a Queue for that.
// Blocks:   never. A process that has to wait looks again, and burns its CPU or
//           gives it away by sched_yield(2). To wake a sleeper, the producer
//           would have to store the tail and then look whether the consumer
//           sleeps. Release and acquire do not keep these two in order, and a
//           wake-up would be lost now and then; see the lab lock_free. To sleep
//           until an item comes, use a Queue (queue.h), which can do that.
// Ordering: items leave in the order in which they came in. What was done
//           before try_put is visible after the try_get that returns its item.
//           What was done before try_get is visible after the try_put that uses
//           its slot again.
// Delivery: each item once, unless a consumer is killed; see Death.
// Death:    no process holds a lock, so none waits for a dead one: the other
//           side finds the ring full or empty after a while. A killed producer
//           has put its item wholly or not at all. A killed consumer has taken
//           its item wholly or not at all, and may not have used it yet. A
//           successor can continue at once: tail() or head() says how far the
//           old process came.
// Errors:   std::system_error if there is not enough memory; see shared.h. A
//           size of 0 or above 2^31 aborts (check.h).
// Lifetime: in memory without a name, shared with the children forked later.
// See:      Lamport 1983, "Specifying Concurrent Program Modules", for the two
//           counters; Lê, Guatto, Cohen and Pop 2013, "Correct and Efficient
//           Bounded FIFO Queues", for the memory orders and for keeping what
//           was last seen of the other counter; Vyukov, 1024cores.net, "Bounded
//           MPMC queue", for several producers.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atomic>

#include "common/base/hooks.h"
#include "common/memory/shared.h"

namespace ipc {

class SpscRing {
 public:
  SpscRing(size_t max_items, size_t item_bytes);

  // Appends a copy of the item at `item`; false if the ring is full. For the
  // producer alone.
  [[nodiscard]] bool try_put(const void* item) {
    // Relaxed: no other process stores it.
    const uint64_t tail = header_.tail.load(std::memory_order_relaxed);
    if (tail - header_.head_seen == max_items_) {
      // Acquire: the consumer has copied the item that lay in this slot, so it
      // may be overwritten. Pairs with the release in try_get().
      header_.head_seen = header_.head.load(std::memory_order_acquire);
      inner_point("ring: has seen the head");
      if (tail - header_.head_seen == max_items_) return false;
    }
    ::memcpy(slot(tail), item, item_bytes_);
    inner_point("ring: before publish");
    if (event_hook != nullptr) [[unlikely]] {
      log(EventKind::send, tail);  // Before it can be received.
    }
    // Release: the item is written before the tail says so. Pairs with the
    // acquire in try_get().
    header_.tail.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Copies the oldest item to `item` and takes it off; false if the ring is
  // empty. For the consumer alone.
  [[nodiscard]] bool try_get(void* item) {
    // Relaxed: no other process stores it.
    const uint64_t head = header_.head.load(std::memory_order_relaxed);
    if (head == header_.tail_seen) {
      // Acquire: what lies before the tail is written. Pairs with the release
      // in try_put().
      header_.tail_seen = header_.tail.load(std::memory_order_acquire);
      inner_point("ring: has seen the tail");
      if (head == header_.tail_seen) return false;
    }
    ::memcpy(item, slot(head), item_bytes_);
    inner_point("ring: before taking off");
    // Release: the item is copied before the head says that its slot is free.
    // Pairs with the acquire in try_put().
    header_.head.store(head + 1, std::memory_order_release);
    if (event_hook != nullptr) [[unlikely]] {
      log(EventKind::receive, head);
    }
    return true;
  }

  // How many items were ever put, and taken. The result is exact for the
  // process that stores the counter, and a lower bound for the other one.
  // Acquire: what was done before an item was counted is visible after the
  // call.
  [[nodiscard]] uint64_t tail() const {
    return header_.tail.load(std::memory_order_acquire);
  }
  [[nodiscard]] uint64_t head() const {
    return header_.head.load(std::memory_order_acquire);
  }

 private:
  static constexpr size_t kCacheLine = 64;

  // Each side has a cache line of its own. It also holds the value of the other
  // side's counter that this side last saw. An old value shows less than there
  // is, so the counter is read again only if that is not enough: its line is on
  // another CPU. The copy is not atomic, since only its own side uses it.
  struct Header {
    alignas(kCacheLine) std::atomic<uint64_t> tail{0};
    uint64_t head_seen = 0;  // The producer's: tail - max_items or more.
    alignas(kCacheLine) std::atomic<uint64_t> head{0};
    uint64_t tail_seen = 0;  // The consumer's: head or more.
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free,
                "a lock inside an atomic would work in one process only");

  static size_t slot_bytes(size_t item_bytes);
  static size_t total_bytes(size_t max_items, size_t item_bytes);
  void log(EventKind kind, uint64_t number) const;

  [[nodiscard]] std::byte* slot(uint64_t number) const {
    return slots_ + (number & slot_mask_) * slot_bytes_;
  }

  SharedPages pages_;
  Header& header_;
  std::byte* slots_;
  uint64_t max_items_;
  uint64_t slot_mask_;
  size_t item_bytes_;
  size_t slot_bytes_;
};

}  // namespace ipc
