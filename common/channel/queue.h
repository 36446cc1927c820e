// A bounded queue of messages between any number of processes; modelled on
// Python's multiprocessing.Queue.
//
//   ipc::Queue queue(100);                          // before the fork
//   queue.put("Item 0");                            // in some processes
//   while (const auto item = queue.get()) {         // in others
//     ipc::say("Got {}", *item);
//   }
//
// Lifetime: in memory without a name, shared with the children forked later.
// Limits:   max_items messages and max_bytes bytes, at most 16 GiB. A message
//           takes its size, rounded up to a multiple of 8, and 8 bytes more. No
//           message is longer than 4 GiB - 1, however big the queue is.
// Blocks:   put waits for room, and get for a message. The forms with a
//           deadline wait until then; try_put and try_get wait for neither.
//           Each call also waits for its turn while another process copies one
//           message. A process that was stopped during its copy keeps the turn.
//           Then put and get wait until it continues. The other calls return
//           `busy` at their deadline, or after kTurnSeconds if it has passed
//           already. close, size, empty and full never wait. Before a call
//           sleeps, it polls for some 20 us, unless that was in vain before
//           (spin.h).
// Time-out: a call that returns `full`, `empty` or `busy` has done nothing: the
//           message is still the caller's, or still in the queue, and the call
//           may be repeated.
// Threads:  any number of threads of each process may use one Queue at the same
//           time. Each of them is a producer or a consumer, as a process with
//           one thread is.
// Ordering: messages leave in the order in which they came in. Those of one
//           producer keep its order; those of several producers come in any
//           order. Each of several consumers sees a part of the messages, in
//           this order. What was done before put is visible after the get that
//           returns its message.
// Fairness: a big message waits until there is room for all of it; smaller
//           messages of other producers may overtake it.
// Delivery: at most once. One get returns each message that put has accepted,
//           unless that consumer is killed in the middle of it.
// Death:    a killed producer has put its message wholly or not at all, and its
//           room is free again. With a killed consumer at most one message is
//           lost; with a process that has several threads in get, one for each.
//           No process holds a lock while it waits, so a death holds up no
//           other process. If a wake-up is lost because its sender or its
//           receiver died, the others look again within kRecheckSeconds
//           (clock.h).
// Errors:   put throws std::length_error if the message would not fit even into
//           the empty queue. get throws std::bad_alloc, and the message stays.
//           The constructor aborts (check.h) if max_items is 0, if max_bytes is
//           below 8, or if either is too large.
// See:      queue.cc for the layout, robust_mutex.h, futex.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/memory/shared.h"
#include "common/sync/spin.h"

namespace ipc {

enum class QueueStatus {
  ok,
  full,    // No room until the deadline.
  empty,   // No message until the deadline.
  closed,  // put: refused. get: no message is left, and none will come.
  busy,    // Another process had the turn until the deadline.
};

// "ok", "full", "empty", "closed" or "busy".
const char* describe(QueueStatus status);

// For a caller that takes success for granted: throws std::runtime_error, which
// names the status, unless it is `ok`.
void ensure(QueueStatus status);

// What get() returns: a message, or why there is none.
struct Taken {
  QueueStatus status = QueueStatus::empty;
  std::string item;

  explicit operator bool() const { return status == QueueStatus::ok; }
  const std::string& operator*() const { return item; }
  const std::string* operator->() const { return &item; }
};

class Queue {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;
  // How long a call whose deadline has passed waits for its turn, if another
  // process has it: longer than most copies take.
  static constexpr double kTurnSeconds = 0.05;

  explicit Queue(uint32_t max_items, size_t max_bytes = kMaxBytes);

  // Appends a message: ok or closed. Python's put().
  [[nodiscard]] QueueStatus put(std::string_view item) {
    return put_until(item, Deadline::never());
  }
  // ok, full, closed or busy. Python's put_nowait() and put(timeout=).
  [[nodiscard]] QueueStatus try_put(std::string_view item) {
    return put_until(item, Deadline::at_ns(0));
  }
  [[nodiscard]] QueueStatus put_until(std::string_view item, Deadline deadline);

  // Takes the oldest message: ok or closed. Python's get().
  [[nodiscard]] Taken get() { return get_until(Deadline::never()); }
  // ok, empty, closed or busy. Python's get_nowait() and get(timeout=).
  [[nodiscard]] Taken try_get() { return get_until(Deadline::at_ns(0)); }
  [[nodiscard]] Taken get_until(Deadline deadline) {
    Taken taken;
    taken.status = look_until(deadline, true, taken.item);
    return taken;
  }
  // The same as get(), but into a string whose memory is used again. In a loop
  // over small messages, allocating them takes a third of the time. Unless the
  // status is ok, the string stays as it was.
  [[nodiscard]] QueueStatus get_into(std::string& item) {
    return look_until(Deadline::never(), true, item);
  }

  // Copies the oldest message and leaves it in the queue: ok or closed. For a
  // queue with one consumer that has to note what it will do before it does it.
  // With several consumers, another one may take the message meanwhile.
  [[nodiscard]] Taken peek() {
    Taken taken;
    taken.status = look_until(Deadline::never(), false, taken.item);
    return taken;
  }

  // From now on every put is refused, also one that is under way. get returns
  // the messages that are left and then `closed`. Wakes all waiting callers.
  // May be repeated.
  void close();
  [[nodiscard]] bool closed() const;

  // How many messages there are. This was true when they were counted and may
  // be out of date when you read it, so do not skip a try_put or a try_get
  // because of size(), empty() or full(). (Python's answers may be wrong even
  // when they are given: a message that put() has accepted may not have
  // arrived.)
  [[nodiscard]] size_t size() const;
  [[nodiscard]] bool empty() const { return size() == 0; }
  // Whether there is no room even for an empty message.
  [[nodiscard]] bool full() const;

  // The size in bytes of the biggest message that put() can take.
  [[nodiscard]] size_t max_item_bytes() const;

 private:
  struct Ring;
  // What was seen of the other side: its mark, and how many messages there
  // were, or for how many more there was room.
  struct Seen {
    uint64_t mark_bits = 0;
    uint32_t count = 0;
  };

  QueueStatus try_put(std::string_view item, Deadline deadline, Seen& seen);
  QueueStatus look_until(Deadline deadline, bool takes, std::string& item);
  QueueStatus try_look(Deadline deadline, bool takes, std::string& item,
                       Seen& seen);
  void pass_on();

  SharedPages pages_;
  Ring& ring_;
  Spin room_spin_;
  Spin item_spin_;
};

}  // namespace ipc
