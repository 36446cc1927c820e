// Two hooks through which a primitive is observed and stopped from outside.
//
// A primitive knows neither the explorer nor the event log. It calls two hooks.
// Both are null unless a program sets them, and a null hook costs a comparison
// and a branch:
//
//   process_gate  may stop the process at a point. It also takes the place of
//                 the kernel in sleeps, wake-ups and waits, and of the clock.
//                 A Schedule sets it in each process that it adds (schedule.h).
//   event_hook    receives what the process does: it has acquired a lock, it
//                 waits for one. Set while there is an event log or an
//                 observer, such as a Schedule, or while waits are noted for a
//                 report (report.h).
//
//   const int seen = counter.load(...);
//   ipc::point("after load");
//   counter.store(seen + 1, ...);
//
// Points:  what a process does from one point to the next is one step. A
//          Schedule can arrange steps only. It cannot arrange what happens
//          inside a step, or how a weakly ordered processor reorders loads and
//          stores. The library has points of its own, inner_point(), between
//          the instructions of a lock or a queue, where a death or a switch
//          would do the most harm. A process stops at them only if its Schedule
//          was asked to use them, so by default the only steps are those
//          between the points that the program itself shows.
// Fork:    a child has the hooks of its parent. A gate ignores a process other
//          than the one in which it was made.
// Threads: set a hook while the process has one thread. Hooks are not atomic.
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <functional>
#include <string_view>

namespace ipc {

// What has happened, or is about to.
enum class EventKind {
  start,
  exit,
  say,
  send,
  receive,
  acquire,
  release,
  wait,  // From here the process may sleep, until the `wake` that follows. The
         // id may say what it waits for in the object: "room in".
  wake,
  point,
  name,
};

// Called for each event. If `address` is null, `object` is the name of the
// object; if not, it is the type of the object at `address`. `id` pairs a send
// with its receive.
using EventHook = void (*)(EventKind kind, std::string_view object,
                           const void* address, std::string_view id);
inline constinit EventHook event_hook = nullptr;

inline void event(EventKind kind, std::string_view object,
                  std::string_view id = {}) {
  if (event_hook != nullptr) [[unlikely]] {
    event_hook(kind, object, nullptr, id);
  }
}
inline void object_event(EventKind kind, std::string_view type,
                         const void* address, std::string_view id = {}) {
  if (event_hook != nullptr) [[unlikely]] {
    event_hook(kind, type, address, id);
  }
}

// Reports a name for the object that people understand: "left fork".
inline void describe_object(std::string_view type, const void* address,
                            std::string_view name) {
  object_event(EventKind::name, type, address, name);
}

// A Schedule puts a gate into each process that it arranges. The library asks
// the gate before it does anything that another process could wait for.
class Gate {
 public:
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  Gate(Gate&&) = delete;
  Gate& operator=(Gate&&) = delete;

  // Stops until the Schedule lets the process continue. `inner` is true for a
  // point of the library.
  virtual void stop_at(std::string_view place, bool inner) = 0;

  // Replaces a sleep in the kernel: stops until a process wakes the sleepers on
  // `object`, an address in shared memory, or the deadline has passed. False if
  // the gate leaves this sleep to the kernel. If `mutex`, the death of the
  // owner also wakes a sleeper.
  virtual bool sleep_on(const void* /*object*/, int64_t /*deadline_ns*/,
                        bool /*mutex*/) {
    return false;
  }

  // Wakes at most `count` processes that sleep on `object`; returns how many.
  virtual int wake(const void* /*object*/, int /*count*/) { return 0; }

  // Replaces a wait in the kernel for `what`: stops until `is_over` returns
  // true or the deadline has passed. Calls `is_over` again after each step of
  // another process. False if the gate leaves this wait to the kernel.
  virtual bool wait_until(const std::function<bool()>& /*is_over*/,
                          std::string_view /*what*/, int64_t /*deadline_ns*/) {
    return false;
  }

  // The time of the arranged processes, in nanoseconds. It passes only when
  // none of them can continue. 0 if they have no time of their own.
  virtual int64_t now_ns() { return 0; }

  // Says that what this step does depends on which processes are alive.
  virtual void looks_who_lives() {}

  [[nodiscard]] bool is_of_this_process() const { return owner_ == ::getpid(); }

 protected:
  Gate() : owner_(::getpid()) {}
  ~Gate() = default;

 private:
  pid_t owner_;
};

// Set by Schedule in the processes that it arranges, and null in all others.
inline constinit Gate* process_gate = nullptr;

// The gate of this process; null if it is not arranged. A child that an
// arranged process forks by itself is not arranged.
inline Gate* gate() {
  if (process_gate == nullptr) [[likely]] {
    return nullptr;
  }
  return process_gate->is_of_this_process() ? process_gate : nullptr;
}

inline void point(std::string_view place) {
  if (process_gate != nullptr) [[unlikely]] {
    process_gate->stop_at(place, false);
  }
}

// The same inside the library.
inline void inner_point(std::string_view place) {
  if (process_gate != nullptr) [[unlikely]] {
    process_gate->stop_at(place, true);
  }
}

}  // namespace ipc
