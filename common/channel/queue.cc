#include "common/channel/queue.h"

#include <sched.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "common/base/check.h"
#include "common/base/hooks.h"
#include "common/sync/futex.h"
#include "common/sync/robust_mutex.h"

// A ring of 8-byte units and two marks. The messages in the queue lie between
// them one after the other, each with 8 bytes in front:
//
//              head                             tail
//   ...........|size,number|bytes|size,number|..|.............. and round again
//              get moves it                     put moves it
//
// All that a put or a get does becomes visible by the one store that moves its
// mark. A process that was killed before that store has done nothing; one that
// was killed after it has done all. So there is nothing to repair when the
// owner of a mutex has died here. One mutex makes putters take turns, the other
// one takers; no process holds one while it waits for room or for a message.
//
// Sleeping. A taker that finds no message sleeps on the tail, and a putter that
// finds no room on the head: in futex(2), on the half of the word that has the
// count and two flags. The flag `waiting` lies beside the count so that raising
// it, moving the mark and finding it raised are atomic steps on one word:
//
//   sleeper                               waker
//   reads the mark, and nothing is there
//   S1 raise the flag, if the mark is     W1 move the mark, and see whether the
//      as it was (CAS); if not, look         flag is up (CAS; the flag stays)
//      again                              W2 if it is up: futex_wake one
//   S2 futex_wait, if the word is         W3 if W2 woke none: lower the flag,
//      still as S1 left it                   if the mark is as it was (CAS),
//                                         W4 and then futex_wake all
//
// The orders in which these steps can come (W1' and W2': of another waker):
//
//   W1 S1     S1 fails, and the sleeper looks again.
//   S1 W1 S2  The mark has moved: the kernel does not let the sleeper sleep.
//   S1 S2 W1  W1 sees the flag, and W2 wakes one sleeper for one message.
//   W2 S2 W3  The sleeper came too late for W2, and W3 lowers its flag. So W4
//             wakes it; it looks again, and raises the flag again.
//   W2 W3 S2  The flag has changed: the kernel does not let the sleeper sleep.
//   W2 W1' W3 Another waker has moved the mark: W3 fails, and W2' will follow.
//
// The flag stays up while there are sleepers, so each message wakes one of them
// and never a crowd, and a futex_wake that finds no sleeper is not repeated.
// The flag is not a count, because the death of a sleeper would leave a count
// too high forever.
//
// A process may be killed between W1 and W4, or after it was woken and before
// it has looked. Others then stay asleep, but for at most kRecheckSeconds; see
// clock.h. The same can happen when a message is taken: there may be room for
// several small messages, or for none of those whose putters are woken. The
// first of several putters wakes the next one (pass_on).

namespace ipc {
namespace {

using AtomicMark = std::atomic<uint64_t>;

constexpr uint64_t kUnitBytes = 8;
constexpr size_t kCacheLine = 64;

// The value of a mark: how much has passed it since the queue was made.
//   bit 0        a process may be asleep until the mark moves
//   bit 1        the queue is closed
//   bits 2..31   messages, modulo 2^30
//   bits 32..63  units, modulo 2^32
struct Mark {
  static constexpr uint64_t kWaiting = 1;
  static constexpr uint64_t kClosed = 2;
  static constexpr uint32_t kOneItem = 4;
  static constexpr uint32_t kItemsMax = (1U << 30) - 1;

  uint64_t bits;

  [[nodiscard]] constexpr bool waiting() const {
    return (bits & kWaiting) != 0;
  }
  [[nodiscard]] constexpr bool closed() const { return (bits & kClosed) != 0; }
  [[nodiscard]] uint32_t half() const { return static_cast<uint32_t>(bits); }
  [[nodiscard]] uint32_t items() const { return half() / kOneItem; }
  [[nodiscard]] uint32_t units() const {
    return static_cast<uint32_t>(bits >> 32);
  }

  // The mark one message further, with the same flags.
  [[nodiscard]] Mark moved(uint64_t by_units) const {
    const uint32_t items_and_flags = half() + kOneItem;  // Wraps at 2^32.
    return {(units() + by_units) << 32 | items_and_flags};
  }
};

// Both marks of a new queue. Their counts wrap soon, so that every test passes
// this place, and not only a queue that has been used for days.
constexpr Mark kStart{(uint64_t{0} - 500) << 32 | (uint32_t{0} - 400)};
static_assert(!kStart.waiting() && !kStart.closed());

uint32_t items_between(Mark head, Mark tail) {
  return (tail.items() - head.items()) & Mark::kItemsMax;
}

uint32_t units_between(Mark head, Mark tail) {
  return tail.units() - head.units();
}

struct FrameHeader {
  uint32_t size;    // This limits the length; see max_item_bytes().
  uint32_t number;  // Mark::items() when it was put: shows a damaged ring.
};
static_assert(sizeof(FrameHeader) == kUnitBytes);

uint64_t frame_units(uint64_t size_bytes) {
  return 1 + (size_bytes + kUnitBytes - 1) / kUnitBytes;
}

// What belongs to the putters, or to the takers.
struct Side {
  alignas(kCacheLine) RobustMutex mutex{RobustMutex::Kind::internal};
  // The other side's mark when this side last looked; the holder of the mutex
  // changes it. An old mark shows less than there is, so the real one is read
  // again only if that is not enough: its cache line is on another CPU.
  AtomicMark other{kStart.bits};
  // It has a cache line of its own, because the other side reads it.
  alignas(kCacheLine) AtomicMark mark{kStart.bits};
  // The CPU on which the mark was moved last.
  std::atomic<int> cpu{-1};
};

// Holds the mutex of a side. A call does not give up at once when its deadline
// has passed, since a turn is only as long as one copy. But the process that
// has the turn may have been stopped in the middle of it, so a call with a
// deadline does not wait until that process continues.
class Turn {
 public:
  Turn(RobustMutex& mutex, Deadline deadline) : guard_(mutex, last(deadline)) {
    if (guard_ && guard_.owner_died()) guard_.repaired();  // Nothing to do.
  }
  explicit operator bool() const { return static_cast<bool>(guard_); }

 private:
  static Deadline last(Deadline deadline) {
    return deadline.expired() ? Deadline::after(Queue::kTurnSeconds) : deadline;
  }

  Guard guard_;
};

// The half of a mark that the kernel compares: the lower half comes first.
const std::atomic<uint32_t>& futex_word(const AtomicMark& mark) {
  static_assert(std::endian::native == std::endian::little);
  return reinterpret_cast<const std::atomic<uint32_t>&>(mark);
}

// Polls the mark for a while; true if it has moved, so that there is no need to
// sleep.
bool moves_soon(const Side& side, Mark seen, Spin& spin) {
  // The process that last moved the mark needs this CPU to move it again.
  const bool is_here =
      side.cpu.load(std::memory_order_relaxed) == ::sched_getcpu();
  if (is_here) return false;
  const AtomicMark& mark = side.mark;
  // Relaxed: the caller looks again under the mutex, and that synchronizes.
  return spin.until(
      [&] { return mark.load(std::memory_order_relaxed) != seen.bits; });
}

// S1 and S2: sleeps until the mark differs from `seen`, or until the deadline;
// may return earlier.
void sleep_while(AtomicMark& mark, Mark seen, Deadline deadline) {
  inner_point("queue: before the flag");
  const Mark raised{seen.bits | Mark::kWaiting};
  // Relaxed: a flag publishes nothing, and the changes of one word have one
  // order for all processes whatever their memory order is.
  if (!seen.waiting() &&
      !mark.compare_exchange_strong(seen.bits, raised.bits,
                                    std::memory_order_relaxed)) {
    return;
  }
  inner_point("queue: before sleep");
  futex_wait(futex_word(mark), raised.half(), deadline);
}

// W1: moves the mark from `is`, and sets `is` to the new mark. False if
// `stops_if_closed` and the queue has been closed meanwhile.
inline bool move(Side& side, Mark& is, uint64_t by_units,
                 bool stops_if_closed) {
  AtomicMark& mark = side.mark;
  // Relaxed: the CPU is a hint, and updating it each 16th time is enough.
  if (is.items() % 16 == 0) {
    side.cpu.store(::sched_getcpu(), std::memory_order_relaxed);
  }
  // Release: a process of the other side that loads the mark with acquire finds
  // the message written; or, after a taker, read, so its bytes may be reused.
  // Only a flag may have changed meanwhile; the CAS then updates `is`.
  while (!mark.compare_exchange_weak(is.bits, is.moved(by_units).bits,
                                     std::memory_order_release,
                                     std::memory_order_relaxed)) {
    if (stops_if_closed && is.closed()) return false;
  }
  is = is.moved(by_units);
  return true;
}

// W2 to W4: wakes one process that waits for the mark to move. `is` is the mark
// to which it has moved.
inline void wake_one(AtomicMark& mark, Mark is) {
  if (!is.waiting()) return;
  inner_point("queue: before wake");
  if (futex_wake(futex_word(mark), 1) > 0) return;
  inner_point("queue: none woken");
  const uint64_t lowered = is.bits & ~Mark::kWaiting;
  if (mark.compare_exchange_strong(is.bits, lowered,  // Relaxed: as above.
                                   std::memory_order_relaxed)) {
    inner_point("queue: flag lowered");
    futex_wake_all(futex_word(mark));
  }
}

void mark_closed(AtomicMark& mark) {
  // Release: a process that finds the queue closed sees what was done before
  // close().
  mark.fetch_or(Mark::kClosed, std::memory_order_release);
  inner_point("queue: closed, before wake");
  futex_wake_all(futex_word(mark));
}

}  // namespace

struct Queue::Ring {
  const uint32_t max_items;
  const uint64_t max_units;
  const uint64_t size_bytes;  // A power of two: positions wrap at 2^32 units.
  Side putters;               // Its mark is the tail.
  Side takers;                // Its mark is the head.

  // The ring itself begins right after this struct.
  [[nodiscard]] std::byte* at(uint64_t position_bytes) {
    return reinterpret_cast<std::byte*>(this + 1) +
           (position_bytes & (size_bytes - 1));
  }

  // How many of `count` bytes fit before the end of the ring, where it wraps.
  [[nodiscard]] size_t before_end(uint64_t position_bytes, size_t count) const {
    return std::min(count, size_bytes - (position_bytes & (size_bytes - 1)));
  }

  [[nodiscard]] bool has_room(Mark head, Mark tail, uint64_t units) const {
    return items_between(head, tail) < max_items &&
           units_between(head, tail) + units <= max_units;
  }

  void write(Mark tail, std::string_view item) {
    const FrameHeader header{static_cast<uint32_t>(item.size()), tail.items()};
    uint64_t position = tail.units() * kUnitBytes;
    ::memcpy(at(position), &header, sizeof(header));
    position += sizeof(header);
    const size_t first = before_end(position, item.size());
    ::memcpy(at(position), item.data(), first);
    if (first < item.size()) {
      ::memcpy(at(0), item.data() + first, item.size() - first);
    }
  }

  void read(Mark head, std::string& item) {
    FrameHeader header;
    uint64_t position = head.units() * kUnitBytes;
    ::memcpy(&header, at(position), sizeof(header));
    IPC_CHECK(header.number == head.items());
    position += sizeof(header);
    const size_t first = before_end(position, header.size);
    if (item.size() == header.size) {
      ::memcpy(item.data(), at(position), first);  // The usual case in a loop.
    } else {
      item.reserve(header.size);  // Only this can fail; `item` is unchanged.
      item.assign(reinterpret_cast<const char*>(at(position)), first);
      item.resize(header.size);
    }
    if (first < header.size) {
      ::memcpy(item.data() + first, at(0), header.size - first);
    }
  }

  // Both marks at one instant: while the tail was loaded, the head did not
  // move.
  [[nodiscard]] std::pair<Mark, Mark> head_and_tail() const {
    while (true) {
      // Acquire: keeps the three loads in this order.
      const Mark head{takers.mark.load(std::memory_order_acquire)};
      const Mark tail{putters.mark.load(std::memory_order_acquire)};
      if (takers.mark.load(std::memory_order_acquire) == head.bits) {
        return {head, tail};
      }
    }
  }
};

namespace {

uint64_t checked_units(size_t max_bytes) {
  constexpr uint64_t kUnitsMax = uint64_t{1} << 31;
  IPC_CHECK(max_bytes >= kUnitBytes && max_bytes / kUnitBytes <= kUnitsMax);
  return max_bytes / kUnitBytes;
}

// For the event log one wait is one `wait` and one `wake`, however often the
// process sleeps in between.
class WaitEvents {
 public:
  explicit WaitEvents(const Queue* queue) : queue_(queue) {}
  WaitEvents(const WaitEvents&) = delete;
  WaitEvents& operator=(const WaitEvents&) = delete;
  WaitEvents(WaitEvents&&) = delete;
  WaitEvents& operator=(WaitEvents&&) = delete;
  ~WaitEvents() {
    if (begun_) object_event(EventKind::wake, "Queue", queue_);
  }

  [[nodiscard]] bool begun() const { return begun_; }
  // `part` is what it waits for in the queue, as in "room in".
  void begin(std::string_view part) {
    if (std::exchange(begun_, true)) return;
    object_event(EventKind::wait, "Queue", queue_, part);
  }

 private:
  const Queue* queue_;
  bool begun_ = false;
};

QueueStatus when_empty(Mark tail) {
  return tail.closed() ? QueueStatus::closed : QueueStatus::empty;
}

// `mark` is where the message begins.
void log_message(EventKind kind, const Queue* queue, Mark mark) {
  const uint32_t number = items_between(kStart, mark);
  object_event(kind, "Queue", queue, std::to_string(number));
}

}  // namespace

const char* describe(QueueStatus status) {
  constexpr const char* kTexts[] = {"ok", "full", "empty", "closed", "busy"};
  return kTexts[static_cast<int>(status)];
}

void ensure(QueueStatus status) {
  if (status == QueueStatus::ok) return;
  throw std::runtime_error(std::string("the queue is ") + describe(status));
}

Queue::Queue(uint32_t max_items, size_t max_bytes)
    : pages_(sizeof(Ring) +
             std::bit_ceil(checked_units(max_bytes) * kUnitBytes)),
      ring_(*new (pages_.data())
                Ring{max_items,
                     checked_units(max_bytes),
                     std::bit_ceil(checked_units(max_bytes) * kUnitBytes),
                     {},
                     {}}) {
  IPC_CHECK(max_items > 0 && max_items < Mark::kItemsMax);
}

QueueStatus Queue::put_until(std::string_view item, Deadline deadline) {
  if (item.size() > max_item_bytes()) {
    throw std::length_error(
        "ipc::Queue: the message is longer than max_item_bytes()");
  }
  WaitEvents events(this);
  Seen seen;
  QueueStatus status = try_put(item, deadline, seen);
  while (status == QueueStatus::full && !deadline.expired()) {
    const Mark head{seen.mark_bits};
    const bool moves = moves_soon(ring_.takers, head, room_spin_);
    if (!moves) {
      events.begin("room in");
      sleep_while(ring_.takers.mark, head, deadline);
      // A context switch for each message would be expensive. If the consumer
      // waits for this CPU, let it take more messages before we put the next.
      ::sched_yield();
    }
    status = try_put(item, deadline, seen);
    if (moves) room_spin_.found(seen.count);
  }
  if (status == QueueStatus::ok && events.begun()) pass_on();
  return status;
}

QueueStatus Queue::try_put(std::string_view item, Deadline deadline,
                           Seen& seen) {
  Side& putters = ring_.putters;
  const uint64_t units = frame_units(item.size());
  Mark tail{0};
  {
    const Turn turn(putters.mutex, deadline);
    if (!turn) return QueueStatus::busy;
    // Relaxed: only the process that has the turn moves the mark, and move()
    // notices if the queue is closed.
    tail.bits = putters.mark.load(std::memory_order_relaxed);
    if (tail.closed()) return QueueStatus::closed;
    Mark head{putters.other.load(std::memory_order_relaxed)};
    if (!ring_.has_room(head, tail, units)) {
      // Acquire: what lies before the head has been read. Pairs with move().
      head.bits = ring_.takers.mark.load(std::memory_order_acquire);
      putters.other.store(head.bits, std::memory_order_relaxed);
      seen = {head.bits, ring_.max_items - items_between(head, tail)};
      if (!ring_.has_room(head, tail, units)) return QueueStatus::full;
    }
    ring_.write(tail, item);
    inner_point("queue: before publish");
    if (event_hook != nullptr) [[unlikely]] {
      log_message(EventKind::send, this, tail);  // Before it can be received.
    }
    if (!move(putters, tail, units, true)) return QueueStatus::closed;
  }
  wake_one(putters.mark, tail);
  return QueueStatus::ok;
}

// Wakes the next process that waits for room, if there is still room.
void Queue::pass_on() {
  const auto [head, tail] = ring_.head_and_tail();
  if (ring_.has_room(head, tail, 1)) wake_one(ring_.takers.mark, head);
}

QueueStatus Queue::look_until(Deadline deadline, bool takes,
                              std::string& item) {
  WaitEvents events(this);
  Seen seen;
  QueueStatus status = try_look(deadline, takes, item, seen);
  while (status == QueueStatus::empty && !deadline.expired()) {
    const Mark tail{seen.mark_bits};
    const bool moves = moves_soon(ring_.putters, tail, item_spin_);
    if (!moves) {
      events.begin("a message in");
      sleep_while(ring_.putters.mark, tail, deadline);
    }
    status = try_look(deadline, takes, item, seen);
    if (moves) item_spin_.found(seen.count);
  }
  return status;
}

QueueStatus Queue::try_look(Deadline deadline, bool takes, std::string& item,
                            Seen& seen) {
  Side& takers = ring_.takers;
  // Acquire, both times: the head is loaded before the tail. If the tail is not
  // ahead of this head, the queue was empty when the tail was loaded.
  Mark head{takers.mark.load(std::memory_order_acquire)};
  Mark tail{takers.other.load(std::memory_order_relaxed)};
  if (items_between(head, tail) == 0) {
    // A waiting consumer can find out here that the queue is empty, without the
    // mutex.
    tail.bits = ring_.putters.mark.load(std::memory_order_acquire);
    seen = {tail.bits, items_between(head, tail)};
    if (seen.count == 0) return when_empty(tail);
  }
  Mark next{0};
  {
    const Turn turn(takers.mutex, deadline);
    if (!turn) return QueueStatus::busy;
    // Relaxed: only the process that has the turn moves it.
    head.bits = takers.mark.load(std::memory_order_relaxed);
    tail.bits = takers.other.load(std::memory_order_relaxed);
    if (items_between(head, tail) == 0) {
      // Acquire: what lies before the tail was written. Pairs with move().
      tail.bits = ring_.putters.mark.load(std::memory_order_acquire);
      takers.other.store(tail.bits, std::memory_order_relaxed);
      seen = {tail.bits, items_between(head, tail)};
      if (seen.count == 0) return when_empty(tail);
    }
    ring_.read(head, item);
    if (!takes) return QueueStatus::ok;
    inner_point("queue: before taking off");
    next = head;
    (void)move(takers, next, frame_units(item.size()), false);
  }
  if (event_hook != nullptr) [[unlikely]] {
    log_message(EventKind::receive, this, head);
  }
  wake_one(takers.mark, next);
  return QueueStatus::ok;
}

// Takes no turn, because a process that was stopped may have it.
void Queue::close() {
  mark_closed(ring_.putters.mark);
  mark_closed(ring_.takers.mark);  // Only to wake those who wait for room.
}

bool Queue::closed() const {
  // Acquire: pairs with mark_closed().
  return Mark{ring_.putters.mark.load(std::memory_order_acquire)}.closed();
}

size_t Queue::size() const {
  const auto [head, tail] = ring_.head_and_tail();
  return items_between(head, tail);
}

bool Queue::full() const {
  const auto [head, tail] = ring_.head_and_tail();
  return !ring_.has_room(head, tail, 1);
}

size_t Queue::max_item_bytes() const {
  return std::min<size_t>((ring_.max_units - 1) * kUnitBytes,
                          std::numeric_limits<uint32_t>::max());
}

}  // namespace ipc
