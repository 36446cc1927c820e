#include <limits>
#include <numeric>
#include <utility>

#include "common/manager/internal/built_in_types.h"

namespace ipc::hosted {
namespace {

// The result of a method that may have to wait and returns no value.
using Done = std::optional<Json>;
Done done() { return Json(); }

constexpr ClientId kNobody = 0;

class Lock : public ManagedObject {
 public:
  explicit Lock(bool recursive = false) : recursive_(recursive) {}

  void forget(ClientId client) override {
    if (owner_ != client) return;
    owner_ = kNobody;
    depth_ = 0;
    suspect_ = true;
    ++deaths_;
  }
  // The owner of a recursive lock may overtake processes that wait for it.
  bool may_overtake() const override { return true; }

  // Returns whether the data that the lock guards may be half changed.
  std::optional<bool> lock(const Caller& caller) {
    if (owner_ == caller.client) {
      if (!recursive_) throw BadCall("the caller holds the lock already");
      ++depth_;
    } else if (!acquire(caller)) {
      return {};
    }
    return suspect_;
  }
  void unlock(const Caller& caller) {
    require_owner(caller);
    if (--depth_ == 0) owner_ = kNobody;
  }
  void repaired(const Caller& caller) {
    require_owner(caller);
    suspect_ = false;
  }
  uint32_t depth(const Caller& caller) const {
    require_owner(caller);
    return depth_;
  }

  // For a Condition, whose waiters do not hold the lock while they wait.
  void release_to_wait(const Caller& caller) {
    require_owner(caller);
    if (depth_ != 1) throw BadCall("a wait needs the lock held exactly once");
    unlock(caller);
  }
  bool acquire(const Caller& caller) {
    if (owner_ != kNobody) return false;
    owner_ = caller.client;
    depth_ = 1;
    return true;
  }
  // How many owners have died so far.
  uint64_t deaths() const { return deaths_; }

 private:
  void require_owner(const Caller& caller) const {
    if (owner_ == caller.client) return;
    throw BadCall("the caller does not hold the lock");
  }

  const bool recursive_;
  ClientId owner_ = kNobody;
  uint32_t depth_ = 0;
  bool suspect_ = false;
  uint64_t deaths_ = 0;
};

class RLock : public Lock {
 public:
  RLock() : Lock(true) {}
};

// A waiter has a ticket. Its wait ends when the ticket says so and the lock is
// free. Calls of the condition count as changes of the lock, so a waiter waits
// on the lock.
class Condition : public ManagedObject {
 public:
  Condition(const Caller& caller, Json lock)
      : reference_(std::move(lock)),
        lock_(std::dynamic_pointer_cast<Lock>(caller.find(reference_))) {
    if (!lock_) throw BadCall("a condition needs a Lock or an RLock");
  }

  // A waiter has to have the lock again before its call may end.
  bool give_up(const Caller& caller) override {
    const auto ticket = tickets_.find({caller.client, caller.number});
    if (ticket == tickets_.end()) return true;
    // A notify that has come in time counts, and forget() has to pass it on.
    if (ticket->second.state == State::waiting) {
      ticket->second.state = State::timed_out;
    }
    return false;
  }
  void forget(ClientId client) override {
    size_t unused = 0;
    auto ticket = tickets_.lower_bound({client, 0});
    while (ticket != tickets_.end() && ticket->first.first == client) {
      unused += ticket->second.state == State::notified;
      ticket = tickets_.erase(ticket);
    }
    // Other waiters get the notifies that the dead one has not used.
    for (; unused > 0; --unused) notify_one();
  }
  const ManagedObject* waits_on() const override { return lock_.get(); }
  bool may_overtake() const override { return true; }
  void each_value(const Visit& visit) const override { visit(reference_); }

  std::optional<bool> lock(const Caller& caller) { return lock_->lock(caller); }
  void unlock(const Caller& caller) { lock_->unlock(caller); }
  void repaired(const Caller& caller) { lock_->repaired(caller); }
  uint32_t depth(const Caller& caller) const { return lock_->depth(caller); }

  // Returns whether it was notified in time.
  std::optional<bool> wait(const Caller& caller) {
    const auto found = tickets_.find({caller.client, caller.number});
    if (found == tickets_.end()) {
      lock_->release_to_wait(caller);
      tickets_[{caller.client, caller.number}] = {++arrivals_, lock_->deaths()};
      return {};
    }
    const Ticket ticket = found->second;
    // If an owner has died, it may have been the one that was to notify.
    const bool over =
        ticket.state != State::waiting || ticket.deaths != lock_->deaths();
    if (!over || !lock_->acquire(caller)) return {};
    tickets_.erase(found);
    return ticket.state != State::timed_out;
  }
  // Notifies the waiter that has waited longest.
  void notify_one() {
    Ticket* first = nullptr;
    for (auto& [call, ticket] : tickets_) {
      if (ticket.state != State::waiting) continue;
      if (first == nullptr || ticket.arrival < first->arrival) first = &ticket;
    }
    if (first != nullptr) first->state = State::notified;
  }
  void notify_all() {
    for (auto& [call, ticket] : tickets_) {
      if (ticket.state == State::waiting) ticket.state = State::notified;
    }
  }

 private:
  enum class State { waiting, notified, timed_out };
  struct Ticket {
    uint64_t arrival;
    uint64_t deaths;  // Of owners, when it began to wait.
    State state = State::waiting;
  };

  Json reference_;
  std::shared_ptr<Lock> lock_;
  std::map<std::pair<ClientId, uint64_t>, Ticket> tickets_;  // By call.
  uint64_t arrivals_ = 0;
};

int64_t checked(int64_t permits) {
  if (permits < 0 || permits > std::numeric_limits<int32_t>::max()) {
    throw BadCall("the number of permits is out of range");
  }
  return permits;
}

// Permits without an owner.
class Semaphore : public ManagedObject {
 public:
  explicit Semaphore(int64_t permits) : permits_(checked(permits)) {}

  Done acquire() {
    if (permits_ == 0) return {};
    --permits_;
    return done();
  }
  void release() { ++permits_; }
  int64_t value() const { return permits_; }

 private:
  int64_t permits_;
};

// Permits that only the client that has acquired them can release.
class BoundedSemaphore : public ManagedObject {
 public:
  explicit BoundedSemaphore(int64_t permits) : permits_(checked(permits)) {}
  void forget(ClientId client) override { held_.erase(client); }

  Done acquire(const Caller& caller) {
    if (value() == 0) return {};
    ++held_[caller.client];
    return done();
  }
  void release(const Caller& caller) {
    const auto held = held_.find(caller.client);
    if (held == held_.end()) throw BadCall("the caller holds no permit");
    if (--held->second == 0) held_.erase(held);
  }
  int64_t value() const {
    return std::accumulate(
        held_.begin(), held_.end(), permits_,
        [](int64_t left, const auto& held) { return left - held.second; });
  }

 private:
  const int64_t permits_;
  std::map<ClientId, int64_t> held_;
};

class Event : public ManagedObject {
 public:
  void set() { set_ = true; }
  void clear() { set_ = false; }
  bool is_set() const { return set_; }
  Done wait() const { return set_ ? done() : Done(); }

 private:
  bool set_ = false;
};

template <typename T, typename... Args>
ManagedTypes::Adder<T> add_lockable(ManagedTypes& types, const char* name) {
  return types.add<T, Args...>(name)
      .method("lock", &T::lock)
      .method("unlock", &T::unlock)
      .method("repaired", &T::repaired)
      .method("depth", &T::depth);
}

template <typename T>
void add_semaphore(ManagedTypes& types, const char* name) {
  types.add<T, int64_t>(name)
      .method("acquire", &T::acquire)
      .method("release", &T::release)
      .method("value", &T::value);
}

}  // namespace

void add_sync_types(ManagedTypes& types) {
  add_lockable<Lock>(types, "Lock");
  add_lockable<RLock>(types, "RLock");
  add_lockable<Condition, Caller, Json>(types, "Condition")
      .method("wait", &Condition::wait)
      .method("notify_one", &Condition::notify_one)
      .method("notify_all", &Condition::notify_all);
  add_semaphore<Semaphore>(types, "Semaphore");
  add_semaphore<BoundedSemaphore>(types, "BoundedSemaphore");
  types.add<Event>("Event")
      .method("set", &Event::set)
      .method("clear", &Event::clear)
      .method("is_set", &Event::is_set)
      .method("wait", &Event::wait);
}

}  // namespace ipc::hosted
