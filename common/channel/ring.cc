#include "common/channel/ring.h"

#include <bit>
#include <new>
#include <string>

#include "common/base/check.h"

namespace ipc {

SpscRing::SpscRing(size_t max_items, size_t item_bytes)
    : pages_(total_bytes(max_items, item_bytes)),
      header_(*new (pages_.data()) Header),
      slots_(reinterpret_cast<std::byte*>(&header_ + 1)),
      max_items_(max_items),
      slot_mask_(std::bit_ceil(max_items) - 1),
      item_bytes_(item_bytes),
      slot_bytes_(slot_bytes(item_bytes)) {}

size_t SpscRing::slot_bytes(size_t item_bytes) {
  return (item_bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
}

size_t SpscRing::total_bytes(size_t max_items, size_t item_bytes) {
  constexpr size_t kMost = size_t{1} << 31;
  IPC_CHECK(max_items > 0 && max_items <= kMost);
  IPC_CHECK(item_bytes > 0 && item_bytes <= kMost);
  return sizeof(Header) + std::bit_ceil(max_items) * slot_bytes(item_bytes);
}

void SpscRing::log(EventKind kind, uint64_t number) const {
  object_event(kind, "SpscRing", &header_, std::to_string(number));
}

}  // namespace ipc
