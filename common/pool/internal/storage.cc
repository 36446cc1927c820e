#include "common/pool/internal/storage.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "common/base/clock.h"

namespace ipc::pool_internal {
namespace {

// How long a worker may look at a batch in which there is nothing to do.
constexpr double kLookingSeconds = 1;

bool names(const Desk& desk, const Space& space) {
  return desk.looking == space.slot + 1;
}

}  // namespace

Storage::Storage(size_t size_bytes, int worker_count)
    : pages_(aligned(sizeof(Board)) + aligned(size_bytes)) {
  const Board* const board = new (pages_.data()) Board;
  desks_ = {board->desks, static_cast<size_t>(worker_count)};
  free_regions_[aligned(sizeof(Board))] = aligned(size_bytes);
  for (uint64_t i = kBatchesMax; i > 0; --i) free_slots_.push_back(i - 1);
}

std::optional<Space> Storage::take(uint64_t size_bytes) {
  reclaim();
  const bool has_room = board().tail - board().head < kTicketsMax / 2;
  if (free_slots_.empty() || !has_room) return std::nullopt;
  const std::optional<uint64_t> offset = allocate(size_bytes);
  if (!offset) return std::nullopt;
  const Space space{free_slots_.back(), *offset, size_bytes};
  free_slots_.pop_back();
  return space;
}

void Storage::retire(const Space& space) {
  retired_.push_back({space, now_ns()});
  reclaim();
}

void Storage::reclaim() {
  std::erase_if(retired_, [this](const Retired& retired) {
    const Space& space = retired.space;
    const auto looks = [&](const Desk& desk) { return names(desk, space); };
    if (std::any_of(desks_.begin(), desks_.end(), looks)) return false;
    make_free(space);
    return true;
  });
}

std::vector<size_t> Storage::overdue(int64_t now) const {
  std::vector<size_t> found;
  for (const auto& [space, since_ns] : retired_) {
    if (now - since_ns < to_ns(kLookingSeconds)) continue;
    for (size_t i = 0; i < desks_.size(); ++i) {
      if (names(desks_[i], space)) found.push_back(i);
    }
  }
  return found;
}

// First fit.
std::optional<uint64_t> Storage::allocate(uint64_t size_bytes) {
  for (const auto& [offset, size] : free_regions_) {
    if (size < size_bytes) continue;
    const uint64_t found = offset;
    const uint64_t rest = size - size_bytes;
    free_regions_.erase(found);
    if (rest > 0) free_regions_[found + size_bytes] = rest;
    return found;
  }
  return std::nullopt;
}

// Regions that touch become one.
void Storage::make_free(const Space& space) {
  free_slots_.push_back(space.slot);
  const auto here = free_regions_.emplace(space.offset, space.size_bytes).first;
  const auto next = std::next(here);
  if (next != free_regions_.end() &&
      here->first + here->second == next->first) {
    here->second += next->second;
    free_regions_.erase(next);
  }
  if (here == free_regions_.begin()) return;
  const auto before = std::prev(here);
  if (before->first + before->second == here->first) {
    before->second += here->second;
    free_regions_.erase(here);
  }
}

}  // namespace ipc::pool_internal
