#include "common/sync/barrier.h"

#include "common/base/check.h"
#include "common/base/hooks.h"

namespace ipc {

Barrier::Barrier(int parties) : parties_(parties) {
  IPC_CHECK(parties >= 1 && parties <= kMaxParties);
}

std::optional<int> Barrier::wait_until(Deadline deadline) {
  home_.enter_holders();
  Guard guard(mutex_);
  enter(guard);
  Seat* const seat = take_seat(guard, deadline);
  if (seat == nullptr) return std::nullopt;
  const int place = count_waiting() - 1;
  if (place + 1 == parties_) {
    end_round(true);
  } else {
    await_end(guard, *seat, deadline);
  }
  const bool complete = seat->complete;
  seat->holder = Holder::nobody;
  if (!complete) return std::nullopt;
  return place;
}

void Barrier::abort() {
  home_.enter_holders();
  Guard guard(mutex_);
  enter(guard);
  break_round();
}

void Barrier::reset() {
  home_.enter_holders();
  Guard guard(mutex_);
  enter(guard);
  if (count_waiting() > 0) end_round(false);
  broken_ = false;
}

bool Barrier::broken() {
  home_.enter_holders();
  Guard guard(mutex_);
  enter(guard);
  return broken_;
}

int Barrier::n_waiting() {
  home_.enter_holders();
  Guard guard(mutex_);
  enter(guard);
  return count_waiting();
}

// A process that died with the mutex may have been counted or not, and may have
// begun to end the round. The others cannot tell, so the barrier breaks.
void Barrier::enter(Guard& guard) {
  if (!guard.owner_died()) return;
  break_round();
  guard.repaired();
}

// Returns a seat in the present round, or nothing if the barrier is broken.
Barrier::Seat* Barrier::take_seat(Guard& guard, Deadline deadline) {
  while (!broken_) {
    if (Seat* const seat = find_seat()) {
      *seat = {holder_self(), round_.load(), false};
      inner_point("barrier: seated");
      return seat;
    }
    // There are more processes than parties, and all seats are taken by some
    // that still have to read how their round ended.
    if (deadline.expired()) break_round();
    if (!broken_) sleep(guard, deadline);
  }
  return nullptr;
}

void Barrier::await_end(Guard& guard, const Seat& seat, Deadline deadline) {
  object_event(EventKind::wait, "Barrier", this);
  {
    const Sleepers::Stay stay(sleepers_);
    while (is_waiting(seat)) {
      sleep(guard, deadline);
      if (!is_waiting(seat)) break;
      if (deadline.expired() || !neighbour_lives(seat)) break_round();
    }
  }
  object_event(EventKind::wake, "Barrier", this);
}

void Barrier::sleep(Guard& guard, Deadline deadline) {
  const uint32_t ticket = sleepers_.ticket();
  guard.unlock();
  sleepers_.sleep(ticket, deadline);
  guard.lock();
  enter(guard);
}

void Barrier::end_round(bool complete) {
  for (Seat& seat : seats_) {
    if (is_waiting(seat)) seat.complete = complete;
  }
  inner_point("barrier: before the end of the round");
  // Release: the outcomes are in the seats before the round has ended. If we
  // die in between, the round has not ended; the next to enter breaks it.
  round_.store(round_.load() + 1, std::memory_order_release);
  sleepers_.wake_all();
}

void Barrier::break_round() {
  broken_ = true;
  end_round(false);
}

Barrier::Seat* Barrier::find_seat() {
  for (Seat& seat : seats_) {
    if (seat.holder == Holder::nobody) return &seat;
  }
  // A process may have died before it read how an earlier round ended.
  for (Seat& seat : seats_) {
    if (!is_waiting(seat) && !holder_alive(seat.holder)) return &seat;
  }
  return nullptr;
}

bool Barrier::is_waiting(const Seat& seat) const {
  return seat.holder != Holder::nobody && seat.round == round_.load();
}

int Barrier::count_waiting() const {
  int count = 0;
  for (const Seat& seat : seats_) {
    if (is_waiting(seat)) ++count;
  }
  return count;
}

// Returns whether the next waiting process is alive. Each checks one other, in
// a circle: so each is checked, and as long as one lives, a death is noticed.
bool Barrier::neighbour_lives(const Seat& seat) const {
  const auto own = static_cast<size_t>(&seat - seats_.data());
  for (size_t step = 1; step < seats_.size(); ++step) {
    const Seat& next = seats_[(own + step) % seats_.size()];
    if (is_waiting(next)) return holder_alive(next.holder);
  }
  return true;
}

}  // namespace ipc
