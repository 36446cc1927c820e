// Scheduling points: places where a Schedule may stop this process.
//
//   const int seen = counter.load(...);
//   ipc::point("after load");
//   counter.store(seen + 1, ...);
//
// What a process does from one point to the next is one step. Without a
// Schedule a point costs one load and one branch, so a program may keep its
// points. Only steps can be arranged: what happens inside of one, and what a
// weakly ordered processor does with its loads and stores, cannot.
#pragma once

#include <string_view>

namespace ipc {

// Where a process stops at its points; set by Schedule in the processes that
// it arranges, and null in all others.
using PointGate = void (*)(std::string_view place);
inline constinit PointGate point_gate = nullptr;

inline void point(std::string_view place) {
  if (point_gate != nullptr) [[unlikely]] {
    point_gate(place);
  }
}

}  // namespace ipc
