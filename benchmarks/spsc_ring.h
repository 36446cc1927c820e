// The limit for a queue: a ring for one producer and one consumer that spin and
// never sleep, with slots of one size. Each keeps the other's index as it last
// saw it. Nothing survives the death of either, and a waiting side burns a CPU.
//
// See: Lamport 1977, "Proving the Correctness of Multiprocess Programs".
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atomic>
#include <new>

#include "common/memory/shared.h"

namespace ipc::bench {

class SpscRing {
 public:
  SpscRing(size_t slots, size_t size_bytes)
      : pages_(sizeof(Header) + slots * stride(size_bytes)),
        header_(*new (pages_.data()) Header),
        slots_(slots),
        size_bytes_(size_bytes) {}

  void put(const void* bytes) {
    const uint64_t tail = header_.tail.load(std::memory_order_relaxed);
    while (tail - header_.head_seen == slots_) {
      header_.head_seen = header_.head.load(std::memory_order_acquire);
    }
    ::memcpy(at(tail), bytes, size_bytes_);
    header_.tail.store(tail + 1, std::memory_order_release);
  }

  void get(void* bytes) {
    const uint64_t head = header_.head.load(std::memory_order_relaxed);
    while (head == header_.tail_seen) {
      header_.tail_seen = header_.tail.load(std::memory_order_acquire);
    }
    ::memcpy(bytes, at(head), size_bytes_);
    header_.head.store(head + 1, std::memory_order_release);
  }

 private:
  struct Header {
    alignas(64) std::atomic<uint64_t> tail{0};
    uint64_t head_seen = 0;  // The producer's.
    alignas(64) std::atomic<uint64_t> head{0};
    uint64_t tail_seen = 0;  // The consumer's.
    alignas(64) char apart = 0;
  };

  static size_t stride(size_t size_bytes) { return (size_bytes + 63) & ~63UL; }

  // The number of slots is a power of two.
  std::byte* at(uint64_t index) {
    return reinterpret_cast<std::byte*>(&header_ + 1) +
           (index & (slots_ - 1)) * stride(size_bytes_);
  }

  SharedPages pages_;
  Header& header_;
  uint64_t slots_;
  size_t size_bytes_;
};

}  // namespace ipc::bench
