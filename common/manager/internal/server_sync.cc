// Lock, RLock, Semaphore, BoundedSemaphore, Condition, Event.
#include <limits>
#include <list>
#include <map>
#include <numeric>
#include <utility>

#include "common/manager/internal/server_object.h"

namespace ipc::hosted {
namespace {

using Result = std::optional<Json>;

constexpr ClientId kNobody = 0;

class Lock : public Object {
 public:
  explicit Lock(bool recursive) : recursive_(recursive) {}
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }
  void forget(ClientId client) override {
    if (owner_ != client) return;
    owner_ = kNobody;
    depth_ = 0;
    suspect_ = true;
    ++deaths_;
  }
  bool may_be_held() const override { return true; }
  // Of a recursive lock its owner's.
  bool may_overtake() const override { return true; }

  // For a Condition, whose waiters do not hold the lock while they wait.
  void release_by(ClientId client) {
    require_owner(client);
    if (depth_ != 1) throw BadCall("to wait, the lock is held exactly once");
    owner_ = kNobody;
    depth_ = 0;
  }
  bool acquire_by(ClientId client) {
    if (owner_ != kNobody) return false;
    owner_ = client;
    depth_ = 1;
    return true;
  }
  void require_owner(ClientId client) const {
    if (owner_ != client) throw BadCall("the caller does not hold the lock");
  }
  // How many owners have died so far.
  [[nodiscard]] uint64_t deaths() const { return deaths_; }

 private:
  // Whether the data that it guards may be half changed.
  Result lock(const Call& call) {
    if (owner_ == call.client) {
      if (!recursive_) throw BadCall("the caller holds the lock already");
      ++depth_;
    } else if (!acquire_by(call.client)) {
      return {};
    }
    return Json(suspect_);
  }
  Result unlock(const Call& call) {
    require_owner(call.client);
    if (--depth_ == 0) owner_ = kNobody;
    return Json();
  }
  Result repaired(const Call& call) {
    require_owner(call.client);
    suspect_ = false;
    return Json();
  }
  Result depth(const Call& call) {
    require_owner(call.client);
    return Json(depth_);
  }

  static const Methods<Lock> methods;
  const bool recursive_;
  ClientId owner_ = kNobody;
  uint32_t depth_ = 0;
  bool suspect_ = false;
  uint64_t deaths_ = 0;
};

const Methods<Lock> Lock::methods = {
    {"lock", &Lock::lock},
    {"unlock", &Lock::unlock},
    {"repaired", &Lock::repaired},
    {"depth", &Lock::depth},
};

// A waiter has a ticket. It goes on when the ticket says so and the lock is
// free; both are changes of the lock, on which it therefore waits.
class Condition : public Object {
 public:
  Condition(Json reference, std::shared_ptr<Lock> lock)
      : reference_(std::move(reference)), lock_(std::move(lock)) {}

  Result call(const Call& call) override {
    const std::string& method = call.request.method;
    if (method == "wait") return wait(call);
    if (method == "notify_one") return notify(1);
    if (method == "notify_all") return notify(tickets_.size());
    return lock_->call(call);
  }
  // It has to have the lock again before it may go on.
  bool give_up(const Call& call) override {
    const auto ticket = find(call);
    if (ticket == tickets_.end()) return true;
    ticket->state = State::timed_out;
    return false;
  }
  void forget(ClientId client) override {
    size_t unused = 0;
    for (auto ticket = tickets_.begin(); ticket != tickets_.end();) {
      const bool gone = ticket->client == client;
      unused += gone && ticket->state == State::notified;
      const auto next = std::next(ticket);
      if (gone) erase(ticket);
      ticket = next;
    }
    (void)notify(unused);  // What the dead have not used, others get.
  }
  bool may_be_held() const override { return true; }
  const Object* waits_on() const override { return lock_.get(); }
  bool may_overtake() const override { return true; }
  void each_value(const Visit& visit) const override { visit(reference_); }

 private:
  enum class State { waiting, notified, timed_out };
  struct Ticket {
    ClientId client;
    uint64_t number;
    uint64_t deaths;  // Of owners, when it began to wait.
    State state = State::waiting;
  };

  using Tickets = std::list<Ticket>;

  Tickets::iterator find(const Call& call) {
    const auto place = places_.find({call.client, call.request.number});
    return place == places_.end() ? tickets_.end() : place->second;
  }
  void erase(Tickets::iterator ticket) {
    places_.erase({ticket->client, ticket->number});
    tickets_.erase(ticket);
  }

  Result wait(const Call& call) {
    const auto ticket = find(call);
    if (ticket == tickets_.end()) {
      lock_->release_by(call.client);
      tickets_.push_back({call.client, call.request.number, lock_->deaths()});
      places_[{call.client, call.request.number}] = std::prev(tickets_.end());
      return {};
    }
    // If an owner has died, nobody may be left to notify.
    const bool over =
        ticket->state != State::waiting || ticket->deaths != lock_->deaths();
    if (!over || !lock_->acquire_by(call.client)) return {};
    const bool in_time = ticket->state != State::timed_out;
    erase(ticket);
    return Json(in_time);
  }

  Result notify(size_t count) {
    for (Ticket& ticket : tickets_) {
      if (count == 0) break;
      if (ticket.state != State::waiting) continue;
      ticket.state = State::notified;
      --count;
    }
    return Json();
  }

  Json reference_;
  std::shared_ptr<Lock> lock_;
  Tickets tickets_;  // In the order of arrival.
  std::map<std::pair<ClientId, uint64_t>, Tickets::iterator> places_;
};

int64_t to_permits(const Json& value) {
  const int64_t permits = value.as_int();
  if (permits < 0 || permits > std::numeric_limits<int32_t>::max()) {
    throw BadCall("a number of permits is 0 or more");
  }
  return permits;
}

// Permits that belong to nobody.
class Semaphore : public Object {
 public:
  explicit Semaphore(int64_t permits) : permits_(permits) {}
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }

 private:
  Result acquire(const Call& /*call*/) {
    if (permits_ == 0) return {};
    --permits_;
    return Json();
  }
  Result release(const Call& /*call*/) {
    ++permits_;
    return Json();
  }
  Result value(const Call& /*call*/) { return Json(permits_); }

  static const Methods<Semaphore> methods;
  int64_t permits_;
};

const Methods<Semaphore> Semaphore::methods = {
    {"acquire", &Semaphore::acquire},
    {"release", &Semaphore::release},
    {"value", &Semaphore::value},
};

// Permits of which each has a holder, which alone can release it.
class BoundedSemaphore : public Object {
 public:
  explicit BoundedSemaphore(int64_t permits) : permits_(permits) {}
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }
  void forget(ClientId client) override { held_.erase(client); }
  bool may_be_held() const override { return true; }

 private:
  int64_t left() const {
    return std::accumulate(
        held_.begin(), held_.end(), permits_,
        [](int64_t left, const auto& held) { return left - held.second; });
  }
  Result acquire(const Call& call) {
    if (left() == 0) return {};
    ++held_[call.client];
    return Json();
  }
  Result release(const Call& call) {
    const auto held = held_.find(call.client);
    if (held == held_.end()) throw BadCall("the caller holds no permit");
    if (--held->second == 0) held_.erase(held);
    return Json();
  }
  Result value(const Call& /*call*/) { return Json(left()); }

  static const Methods<BoundedSemaphore> methods;
  const int64_t permits_;
  std::map<ClientId, int64_t> held_;
};

const Methods<BoundedSemaphore> BoundedSemaphore::methods = {
    {"acquire", &BoundedSemaphore::acquire},
    {"release", &BoundedSemaphore::release},
    {"value", &BoundedSemaphore::value},
};

class Event : public Object {
 public:
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }

 private:
  Result set(const Call& /*call*/) {
    set_ = true;
    return Json();
  }
  Result clear(const Call& /*call*/) {
    set_ = false;
    return Json();
  }
  Result is_set(const Call& /*call*/) { return Json(set_); }
  Result wait(const Call& /*call*/) { return set_ ? Result(Json()) : Result(); }

  static const Methods<Event> methods;
  bool set_ = false;
};

const Methods<Event> Event::methods = {
    {"set", &Event::set},
    {"clear", &Event::clear},
    {"is_set", &Event::is_set},
    {"wait", &Event::wait},
};

}  // namespace

std::shared_ptr<Object> make_sync(const std::string& type, const Call& call,
                                  const Find& find) {
  if (type == "Lock") return std::make_shared<Lock>(false);
  if (type == "RLock") return std::make_shared<Lock>(true);
  if (type == "Event") return std::make_shared<Event>();
  if (type == "Semaphore") {
    return std::make_shared<Semaphore>(to_permits(call.argument(1)));
  }
  if (type == "BoundedSemaphore") {
    return std::make_shared<BoundedSemaphore>(to_permits(call.argument(1)));
  }
  if (type == "Condition") {
    const Json& reference = call.argument(1);
    auto lock = std::dynamic_pointer_cast<Lock>(find(reference));
    if (!lock) throw BadCall("a condition needs a Lock or an RLock");
    return std::make_shared<Condition>(reference, std::move(lock));
  }
  return nullptr;
}

}  // namespace ipc::hosted
