// A ring of items of one size from one process to one other, without a lock and
// without a system call: the SPSC (single-producer, single-consumer) queue.
//
//   ipc::SpscRing ring(4, sizeof(int));                  // before the fork
//   while (!ring.try_put(&number)) ::sched_yield();      // in one process
//   while (!ring.try_get(&number)) ::sched_yield();      // in the other
//
// Layout:   two counters and the slots behind them. Item n lies in slot n
//           modulo the number of slots, a power of two. The tail counts what
//           was ever put and only the producer stores it; the head counts what
//           was ever taken and only the consumer stores it. Both only grow: 64
//           bits last for 500 years of an item each nanosecond. So the ring is
//           empty if they are equal and full if they differ by max_items.
//           Indices that begin anew at 0 would be equal in both cases.
//
//             head = 5                tail = 8
//             |                       |
//             slot 1, slot 2, slot 3, (slot 0)     items 5 to 7, of 4 slots
//
// Limits:   max_items items; one takes its size, rounded up to a multiple of
//           64, so that no two items share a cache line.
// Requires: at most one producer and one consumer at a time. Either may be
//           replaced by another process, if what the old one did is visible to
//           the new one: after Process::join(), for example. With two producers
//           at a time items are lost; take a Queue.
// Blocks:   never. A process that has to wait looks again, and burns its CPU or
//           gives it away by sched_yield(2). To wake a sleeper, the producer
//           would have to store the tail and then look whether anybody sleeps.
//           Release and acquire do not keep these two in order, and a wake-up
//           would be lost now and then; see the lab lock_free. To sleep until
//           an item comes, take a Queue (queue.h), which has all of that.
// Ordering: items leave in the order in which they came in. What was done
//           before try_put is visible after the try_get that returns its item,
//           and what was done before try_get after the try_put that uses its
//           slot again.
// Delivery: each item once, unless a consumer is killed, see below.
// Death:    nobody holds anything, so nobody waits for the dead: the others
//           find the ring full or empty after a while. A producer that is
//           killed has put its item wholly or not at all; a consumer has taken
//           it wholly, and maybe not used it, or not at all. A successor goes
//           on at once, and asks tail() or head() how far the old one came.
// Errors:   std::system_error if there is not so much memory; see shared.h.
// Lifetime: in memory without a name, shared with the children forked after.
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
    // Relaxed: nobody else stores it.
    const uint64_t tail = header_.tail.load(std::memory_order_relaxed);
    if (tail - header_.head_seen == max_items_) {
      // Acquire: whoever took the item that lay in this slot has copied it, and
      // so may lose it. Pairs with the release in try_get().
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
    // Relaxed: nobody else stores it.
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

  // How many items were ever put, and taken. Both are true for the process that
  // stores them; of the other one's counter at least so much is true. Acquire:
  // with what is counted comes what was done before.
  [[nodiscard]] uint64_t tail() const {
    return header_.tail.load(std::memory_order_acquire);
  }
  [[nodiscard]] uint64_t head() const {
    return header_.head.load(std::memory_order_acquire);
  }

 private:
  static constexpr size_t kCacheLine = 64;

  // Each side has a cache line of its own, and in it what it last saw of the
  // other side's counter. An old one promises less than there is, so it is read
  // again only if it is not enough: that line belongs to another CPU. It is not
  // atomic, since only its own side uses it.
  struct Header {
    alignas(kCacheLine) std::atomic<uint64_t> tail{0};
    uint64_t head_seen = 0;  // The producer's: tail - max_items or more.
    alignas(kCacheLine) std::atomic<uint64_t> head{0};
    uint64_t tail_seen = 0;  // The consumer's: head or more.
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free,
                "an atomic with a lock has it in one process only");

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
