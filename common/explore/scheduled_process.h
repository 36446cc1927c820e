// The two sides of a gate: what a Schedule and the processes that it arranges
// write for each other into memory that they share. A part of Schedule.
//
//   process                                  controller
//   box.stop = at_point, place = "..."       box.stop = running
//   ring the bell, sleep on box.go           box.go += 1, wake; sleep on the
//                                            bell
//
// One process runs at a time, so what is in here is written by one at a time:
// by the process that was let go, or by the controller while all are still. The
// exception are processes that were asleep in a system call and wake up by what
// the running one does; they write only their own box.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <string_view>

#include "common/explore/memory_watch.h"

namespace ipc {

// Why a process does not go on.
enum class Stop : uint32_t {
  running,   // It does, or sleeps in a system call.
  at_point,  // It waits to be let go.
  asleep,    // On an object, until another process wakes that.
  polling,   // Until it sees that its wait is over: it looks when it is asked.
  woken,     // From a system call; it waits to be let go.
  finished,  // With its work; it has yet to end.
};

// What was noted for the people who read a step: no NUL, cut if too long.
template <size_t kBytes>
class Note {
 public:
  void set(std::string_view text) {
    size_ = 0;
    add(text);
  }
  void add(std::string_view text) {
    const size_t count = text.size() < kBytes - size_ ? text.size()  //
                                                      : kBytes - size_;
    for (size_t i = 0; i < count; ++i) bytes_[size_ + i] = text[i];
    size_ += count;
  }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  size_t size_ = 0;
  std::array<char, kBytes> bytes_{};
};

// What one process and the controller write for each other.
struct GateBox {
  std::atomic<uint32_t> go{0};
  std::atomic<Stop> stop{Stop::running};
  Note<200> place;      // Of at_point.
  Note<200> waits_for;  // What the library has told that it waits for.

  // Of a process that is asleep on an object, or polls.
  const void* object = nullptr;
  uint64_t ticket = 0;      // Who came first is woken first.
  int64_t deadline_ns = 0;  // Of the caller.
  bool mutex = false;
  bool woken = false;
  bool asked = false;  // It was let go only to look again,
  bool ready = false;  // and found this.

  // What it has acquired and not yet released, as events call it.
  static constexpr size_t kHeldMax = 8;
  std::array<Note<60>, kHeldMax> held;
  [[nodiscard]] bool holds(std::string_view name) const {
    return !name.empty() &&
           std::any_of(held.begin(), held.end(),
                       [&](const auto& one) { return one.text() == name; });
  }

  // Of the last choice.
  MemoryAccesses accesses;
  Note<3000> notes;  // What it said and did, a line each.
};

// All of it is zero at the beginning.
struct GateBoard {
  static constexpr size_t kProcessesMax = 26;

  std::atomic<uint32_t> bell{0};  // Rung by whoever stops.
  uint64_t next_ticket = 0;
  int64_t time_ns = 0;   // 0: that of the machine.
  bool inner = false;    // Whether inner points are points.
  bool notes = false;    // Whether what a step says and does is noted.
  bool watches = false;  // Whether the present step is watched, and where.
  size_t region_count = 0;
  std::array<SharedRegion, 32> regions{};
  // One byte for each process, written by its end: nothing is in them, but who
  // looks at them and who changes them depend on each other.
  std::array<std::atomic<bool>, kProcessesMax> lives{};
  std::array<GateBox, kProcessesMax> boxes{};

  [[nodiscard]] std::span<const SharedRegion> watched() const {
    return {regions.data(), region_count};
  }
};

// Sleeps on a word of the board while it is `seen`, at most `limit_ns`; -1 for
// ever. Futexes of the gate's own: they are not for Gate::sleep_on().
void gate_sleep(const std::atomic<uint32_t>& word, uint32_t seen,
                int64_t limit_ns);
void gate_wake(std::atomic<uint32_t>& word);

// Wakes the first `count` of those who sleep on the object; how many it were.
// The waking is a part of the step whose accesses are `accesses`.
int wake_sleepers(GateBoard& board, const void* object, int count,
                  MemoryAccesses& accesses);

// In the process: from here on it is arranged, as number `index` of `board`,
// until it calls leave_gate().
void enter_gate(GateBoard& board, size_t index);

// Tells that the work is done.
void leave_gate();

}  // namespace ipc
