// The two sides of a gate: the shared memory through which a Schedule, the
// controller, and the processes that it arranges talk to each other. A part of
// Schedule.
//
//   process                                  controller
//   box.stop = at_point, place = "..."       box.stop = running
//   ring the bell, sleep on box.go           box.go += 1, wake; sleep on the
//                                            bell
//
// One process runs at a time, so this memory has one writer at a time: the
// process that was let go, or the controller while all are still. The exception
// are processes that sleep in a system call and are woken by what the running
// one does; they write only their own box.
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

// Why a process has stopped.
enum class Stop : uint32_t {
  running,   // It has not: it runs, or sleeps in a system call.
  at_point,  // It is at a point, and waits to be let go.
  asleep,    // It sleeps on an object until another process wakes it.
  polling,   // It waits until a look shows it that its wait is over. It looks
             // whenever the controller asks.
  woken,     // It has returned from a system call, and waits to be let go.
  finished,  // Its work is done, but the process has not ended yet.
};

// A text of limited length in shared memory. It has no NUL at its end, and is
// cut if it is too long.
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

// What one process and the controller tell each other.
struct GateBox {
  std::atomic<uint32_t> go{0};
  std::atomic<Stop> stop{Stop::running};
  Note<200> place;      // The name of the point, for at_point.
  Note<200> waits_for;  // What it waits for, as the library announced it.

  // For a process that is asleep on an object, or polls.
  const void* object = nullptr;
  uint64_t ticket = 0;      // The process with the lowest one is woken first.
  int64_t deadline_ns = 0;  // The deadline of the call in which it waits.
  bool mutex = false;       // Whether the object is a mutex.
  bool woken = false;       // Whether its wait has ended.
  bool asked = false;       // It was let go only to look again,
  bool ready = false;       // and this is what it found.

  // The objects that it has acquired and not yet released, by their names in
  // events.
  static constexpr size_t kHeldMax = 8;
  std::array<Note<60>, kHeldMax> held;
  [[nodiscard]] bool holds(std::string_view name) const {
    return !name.empty() &&
           std::any_of(held.begin(), held.end(),
                       [&](const auto& one) { return one.text() == name; });
  }

  // Of its last step.
  MemoryAccesses accesses;
  Note<3000> notes;  // What it said and did, a line each.
};

// All of it must be zero at the beginning.
struct GateBoard {
  static constexpr size_t kProcessesMax = 26;

  std::atomic<uint32_t> bell{0};  // A process that stops rings it.
  uint64_t next_ticket = 0;
  int64_t time_ns = 0;   // The time of the processes; 0: that of the machine.
  bool inner = false;    // Whether processes stop at inner points.
  bool notes = false;    // Whether what a step says and does is noted.
  bool watches = false;  // Whether the accesses of this step are watched: to
                         // these regions.
  size_t region_count = 0;
  std::array<SharedRegion, 32> regions{};
  // One byte for each process. The end of the process counts as a write to it,
  // and a look whether processes are alive as a read, so the two conflict. The
  // value is not used.
  std::array<std::atomic<bool>, kProcessesMax> lives{};
  std::array<GateBox, kProcessesMax> boxes{};

  [[nodiscard]] std::span<const SharedRegion> watched() const {
    return {regions.data(), region_count};
  }
};

// Sleeps on a word of the board while it is `seen`, at most `limit_ns`, or
// without a limit if that is -1. These futexes belong to the gate; a primitive
// calls Gate::sleep_on() instead.
void gate_sleep(const std::atomic<uint32_t>& word, uint32_t seen,
                int64_t limit_ns);
void gate_wake(std::atomic<uint32_t>& word);

// Wakes the first `count` processes that sleep on the object; returns how many
// it has woken. `accesses` are those of the step that wakes them.
int wake_sleepers(GateBoard& board, const void* object, int count,
                  MemoryAccesses& accesses);

// Called in the process: from here on it is arranged, as number `index` of
// `board`, until it calls leave_gate(). Returns when it may take its first
// step.
void enter_gate(GateBoard& board, size_t index);

// Called in the process when its work is done. It no longer has a gate after
// that.
void leave_gate();

}  // namespace ipc
