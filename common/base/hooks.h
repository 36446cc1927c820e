// What a process may be asked and told from outside of it, and by default is
// not.
//
// A primitive knows neither an explorer nor a log. It says what it does through
// the two hooks of this header, both null in a program that sets neither, and
// then a hook costs one comparison and one branch:
//
//   gate        may stop the process at a point, and sleeps and waits for it in
//               place of the kernel. Set by a Schedule (schedule.h).
//   event_hook  is told what the process does: it has a lock, it waits for one.
//               Set by the event log, or a Schedule (report.h).
//
//   const int seen = counter.load(...);
//   ipc::point("after load");
//   counter.store(seen + 1, ...);
//
// Points:  what a process does from one point to the next is one step. Only
//          steps can be arranged: what happens inside of one, and what a weakly
//          ordered processor does with its loads and stores, cannot. The
//          library has points of its own, inner_point(): between the
//          instructions of a lock or a queue, where a death or a switch would
//          hurt the most. They are passed unless a Schedule was asked for them,
//          so that the steps of a program are those that it shows.
// Fork:    a child has the hooks of its parent. The gate takes no notice of a
//          process that it was not made in.
// Threads: set a hook before there are others.
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <functional>
#include <string_view>

namespace ipc {

// What an event tells.
enum class EventKind {
  start,
  exit,
  say,
  send,
  receive,
  acquire,
  release,
  wait,  // From here the process may sleep, until the `wake` that follows. The
         // id may say what of the object it waits for: "room in".
  wake,
  point,
  name,
};

// Is told of each event: of the object that is called `object`, or of the one
// at `address` whose type is called so. `id` pairs a send with its receive.
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

// Tells what people call the object: "left fork".
inline void describe_object(std::string_view type, const void* address,
                            std::string_view name) {
  object_event(EventKind::name, type, address, name);
}

// What a Schedule has put into a process that it arranges, and what the library
// asks before it does anything that another process could wait for.
class Gate {
 public:
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  Gate(Gate&&) = delete;
  Gate& operator=(Gate&&) = delete;

  // Stops until it is let go; `inner` if the point is one of the library's.
  virtual void stop_at(std::string_view place, bool inner) = 0;

  // Stops until `object`, an address in shared memory, was woken or the
  // deadline has passed: instead of a sleep in the kernel. False if this sleep
  // is none for the gate. A `mutex` is also woken by the death of its owner.
  virtual bool sleep_on(const void* /*object*/, int64_t /*deadline_ns*/,
                        bool /*mutex*/) {
    return false;
  }

  // Wakes at most `count` of those who sleep on `object`; returns how many.
  virtual int wake(const void* /*object*/, int /*count*/) { return 0; }

  // Stops until `is_over` says so, which it is asked again after each step of
  // another process, or until the deadline has passed: instead of a wait in the
  // kernel for `what`. False if this wait is none for the gate.
  virtual bool wait_until(const std::function<bool()>& /*is_over*/,
                          std::string_view /*what*/, int64_t /*deadline_ns*/) {
    return false;
  }

  // The time of the arranged processes, which passes only when nobody can do
  // anything else; 0 if they have none of their own.
  virtual int64_t now_ns() { return 0; }

  // Tells that what this step does depends on who is alive.
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

// The gate of this process, if it is arranged: a child that it has forked by
// itself is not.
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

// The same inside of the library.
inline void inner_point(std::string_view place) {
  if (process_gate != nullptr) [[unlikely]] {
    process_gate->stop_at(place, true);
  }
}

}  // namespace ipc
