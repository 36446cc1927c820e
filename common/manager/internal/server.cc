#include "common/manager/internal/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <new>
#include <system_error>
#include <utility>

#include "common/base/errors.h"

namespace ipc {
namespace {

using hosted::Call;
using hosted::ClientId;

// So many clients are served before the time is looked at.
constexpr size_t kEventsMax = 64;
// So many bytes of replies may wait while other requests of a client are done.
constexpr size_t kUnsentMax = 64 << 10;

std::string random_hex() {
  uint64_t number = 0;
  check(retry([&] { return ::getrandom(&number, sizeof number, 0); }),
        "getrandom");
  std::array<char, 17> text{};
  ::snprintf(text.data(), text.size(), "%016" PRIx64, number);
  return text.data();
}

// An object of a class that is not ours.
class Custom : public hosted::Object {
 public:
  Custom(const ManagedTypes::Type& type, std::shared_ptr<void> object)
      : type_(type), object_(std::move(object)) {}

  bool may_keep_references() const override { return false; }

  std::optional<Json> call(const Call& call) override {
    const auto method = type_.methods.find(call.request.method);
    if (method == type_.methods.end()) {
      throw UnknownMethod("there is no method " + call.request.method);
    }
    return method->second(object_.get(), call.request.arguments);
  }

 private:
  const ManagedTypes::Type& type_;
  std::shared_ptr<void> object_;
};

// Its class could not tell the server which objects it keeps.
void require_no_references(const Request& request) {
  for (const Json& argument : request.arguments) {
    for_each_reference(argument, [](const Reference&) {
      throw BadCall("a registered type takes no proxies");
    });
  }
}

}  // namespace

ManagerServer::ManagerServer(std::string generation, const ManagedTypes& types)
    : generation_(std::move(generation)),
      types_(types),
      epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  auto root = hosted::make("dict", {}, {});
  root->users = 1;  // Ourselves.
  objects_[root_id(generation_)] = std::move(root);
}

std::string ManagerServer::new_generation() { return random_hex(); }

std::string ManagerServer::root_id(const std::string& generation) {
  return generation + std::string(generation.size(), '0');
}

void ManagerServer::add_client(Connection connection) {
  const ClientId id = next_client_++;
  Client& client = clients_[id];
  client.connection = std::move(connection);
  client.connection.read_ahead();
  try {
    watch(id, client);
  } catch (const std::system_error&) {
    clients_.erase(id);  // The kernel has no memory for one more.
  }
}

// One who does not take its replies is asked for nothing else.
void ManagerServer::watch(ClientId id, Client& client) {
  const uint32_t wanted = client.sending || client.ending ? EPOLLOUT : EPOLLIN;
  if (wanted == client.watched) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = id;
  const int operation = client.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  check(::epoll_ctl(epoll_.get(), operation, client.connection.fd(), &event),
        "epoll_ctl");
  client.watched = wanted;
}

void ManagerServer::run(Listener& listener) {
  while (true) step(&listener, Deadline::never());
}

void ManagerServer::step(Listener* listener, Deadline deadline) {
  if (listener != nullptr && !watches_listener_) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kListener;
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener->fd(), &event),
          "epoll_ctl");
    watches_listener_ = true;
  }
  std::array<epoll_event, kEventsMax> events;
  const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(),
                                 next_deadline().sooner(deadline).poll_ms());
  if (ready == -1 && errno != EINTR) throw_error(errno, "epoll_wait");
  for (int i = 0; i < ready; ++i) {
    const ClientId id = events[static_cast<size_t>(i)].data.u64;
    if (id == kListener) {
      if (listener == nullptr) continue;
      if (auto peer = listener->try_accept()) add_client(std::move(*peer));
    } else if (const auto client = clients_.find(id);
               client != clients_.end()) {
      receive(id, client->second);
    }
  }
  expire();
  flush_replies();
  collect();
}

// The requests of a client, or the rest of its replies.
void ManagerServer::receive(ClientId id, Client& client) {
  if (client.hung_up) return forget(id);
  try {
    if (client.sending || client.ending) {
      flush(id, client);
      if (client.sending) return;
      if (client.ending) {
        forget(id);
        return;
      }
      // What it had sent before is here already: nothing will tell of it.
      if (!client.connection.holds_message()) return;
    }
    do {
      const Received message =
          client.connection.receive_until(Deadline::at_ns(0));
      if (message) {
        handle(id, client, *message);
      } else if (message.status != Transfer::timed_out) {
        forget(id);
        return;
      }
      // A short request may have a long reply.
      if (client.connection.unsent() > kUnsentMax) flush(id, client);
    } while (!client.sending && !client.ending &&
             client.connection.holds_message());
  } catch (const std::exception&) {
    // A length that is none, a connection that has failed, or no memory.
    forget(id);
  }
}

void ManagerServer::handle(ClientId id, Client& client,
                           std::string_view message) {
  Call call;
  call.client = id;
  try {
    call.request = decode_request(message);
  } catch (const JsonError& error) {
    reply(id, {0, "BadCall", error.what()});
    client.ending = true;
    watch(id, client);
    return;
  }
  const uint64_t number = call.request.number;
  try {
    serve(std::move(call));
  } catch (...) {
    reply(id, error_reply(number));
  }
}

void ManagerServer::serve(Call call) {
  const ClientId client = call.client;
  const Request& request = call.request;
  if (request.object.empty()) {
    reply(client, {request.number, "ok", serve_own(call)});
    return;
  }
  const std::shared_ptr<hosted::Object> object = find(request.object);
  use(client, request.object);
  if (!object->may_keep_references()) require_no_references(request);
  for (const Json& argument : request.arguments) {
    refer(client, *object, argument);
  }
  if (std::optional<Json> value = this->call(*object, call)) {
    if (object->may_refer) use_all_in(client, *value);
    reply(client, {request.number, "ok", std::move(*value)});
  } else {
    wait(std::move(call), object);
  }
  try_again(object->waits_on());
}

// The calls to the server itself.
Json ManagerServer::serve_own(const Call& call) {
  const std::string& method = call.request.method;
  if (method == "create") return create(call);
  if (method == "root") {
    return to_json({root_id(generation_), "dict"});
  }
  if (method == "count") return objects_.size();
  if (method == "drop") {
    Objects& objects = clients_.at(call.client).objects;
    const auto object = objects.find(call.argument(0).as_text());
    if (object == objects.end()) return {};
    stop_using(object->first, *object->second);
    objects.erase(object);
    return {};
  }
  throw UnknownMethod("there is no method " + method);
}

Json ManagerServer::create(const Call& call) {
  const std::string type = call.argument(0).as_text();
  std::shared_ptr<hosted::Object> object;
  if (const ManagedTypes::Type* const custom = types_.find(type)) {
    require_no_references(call.request);
    const std::vector<Json>& given = call.request.arguments;
    object = std::make_shared<Custom>(
        *custom, custom->make({given.begin() + 1, given.end()}));
  } else {
    object = hosted::make(type, call, [&](const Json& reference) {
      const std::string id = to_reference(reference).id;
      use(call.client, id);
      return find(id);
    });
    if (!object) throw UnknownMethod("there is no type " + type);
    for (const Json& argument : call.request.arguments) {
      refer(call.client, *object, argument);
    }
  }
  std::string id = generation_ + random_hex();
  if (object->may_be_held()) holdable_.insert(object.get());
  objects_[id] = std::move(object);
  use(call.client, id);
  return to_json({std::move(id), type});
}

std::shared_ptr<hosted::Object> ManagerServer::find(const std::string& id) {
  const auto object = objects_.find(id);
  if (object != objects_.end()) return object->second;
  const bool ours = id.rfind(generation_, 0) == 0;
  throw StaleObject(ours ? "the object has been dropped"
                         : "the object is of another server");
}

// From now on the object stays for this client, until it drops it or goes.
hosted::Object& ManagerServer::use(ClientId client, const std::string& id) {
  hosted::Object& object = *find(id);
  if (clients_.at(client).objects.emplace(id, &object).second) ++object.users;
  const bool has_begun =
      collecting_ == Collecting::mark || collecting_ == Collecting::sweep;
  if (has_begun) meet(object);
  return object;
}

void ManagerServer::stop_using(const std::string& id, hosted::Object& object) {
  if (--object.users == 0) unused_.push_back(id);
}

// The value goes to the object, which may keep it.
void ManagerServer::refer(ClientId client, hosted::Object& object,
                          const Json& value) {
  for_each_reference(value, [&](const Reference& reference) {
    use(client, reference.id).may_be_referred_to = true;
    object.may_refer = true;
    referring_.insert(&object);
  });
}

void ManagerServer::use_all_in(ClientId client, const Json& value) {
  for_each_reference(value, [&](const Reference& reference) {
    if (objects_.count(reference.id) != 0) use(client, reference.id);
  });
}

void ManagerServer::wait(Call call, std::shared_ptr<hosted::Object> object) {
  Client& client = clients_.at(call.client);
  const int64_t wait_ns = call.request.wait_ns;
  if (wait_ns == 0 || client.waits >= kWaitsMax) {
    const bool full = wait_ns != 0;
    if (!object->give_up(call)) {
      // It goes on to wait all the same.
    } else if (full) {
      throw BadCall("too many calls of this client wait");
    } else {
      reply(call.client, {call.request.number, "timed out", {}});
      return;
    }
  }
  const int64_t now = now_ns();
  const bool limited = wait_ns > 0 && wait_ns < INT64_MAX - now;
  ++client.waits;
  const hosted::Object* const awaited = object->waits_on();
  WaitingList& list = waiting_[awaited];
  list.push_back({std::move(call), std::move(object), due_.end()});
  if (!limited) return;
  const auto last = std::prev(list.end());
  last->due = due_.emplace(now + wait_ns, Due{awaited, last});
}

void ManagerServer::stop_waiting(WaitingList& list,
                                 WaitingList::iterator call) {
  if (call->due != due_.end()) due_.erase(call->due);
  list.erase(call);
}

// Tries the calls that wait for this object, oldest first. One that is done may
// be what another waits for, so it begins anew until none can be done.
void ManagerServer::try_again(const hosted::Object* changed) {
  const auto calls = waiting_.find(changed);
  if (calls == waiting_.end()) return;
  WaitingList& list = calls->second;
  for (auto call = list.begin(); call != list.end();) {
    if (try_one(*call)) {
      stop_waiting(list, call);
      call = list.begin();
    } else if (call->object->may_overtake()) {
      ++call;
    } else {
      break;  // Thousands may wait behind it.
    }
  }
  if (list.empty()) waiting_.erase(calls);
}

// Does the call, or returns nothing if it must wait.
std::optional<Json> ManagerServer::call(hosted::Object& object,
                                        const Call& call) {
  // Its values may be others afterwards, so they are all looked into before.
  while (looked_into_ == &object && !values_.empty()) look_into_value();
  // It may replace what it refers to.
  values_changed_ = values_changed_ || object.may_refer;
  return object.call(call);
}

bool ManagerServer::try_one(const Waiting& waiting) {
  const ClientId id = waiting.call.client;
  const uint64_t number = waiting.call.request.number;
  try {
    std::optional<Json> value = call(*waiting.object, waiting.call);
    if (!value) return false;
    if (waiting.object->may_refer) use_all_in(id, *value);
    --clients_.at(id).waits;
    reply(id, {number, "ok", std::move(*value)});
  } catch (...) {
    --clients_.at(id).waits;
    reply(id, error_reply(number));
  }
  return true;
}

void ManagerServer::expire() {
  if (due_.empty()) return;
  const int64_t now = now_ns();
  std::unordered_set<const hosted::Object*> changed;
  while (!due_.empty() && due_.begin()->first <= now) {
    const Due due = due_.begin()->second;
    due_.erase(due_.begin());
    due.call->due = due_.end();
    changed.insert(due.awaited);
    const Call& call = due.call->call;
    if (!due.call->object->give_up(call)) continue;
    --clients_.at(call.client).waits;
    reply(call.client, {call.request.number, "timed out", {}});
    stop_waiting(waiting_.at(due.awaited), due.call);
  }
  for (const hosted::Object* const object : changed) try_again(object);
}

void ManagerServer::reply(ClientId id, const Reply& reply) {
  if (reply.number == 0 && reply.outcome == "ok") return;
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  Client& client = found->second;
  // Only calls that waited come here meanwhile: it asks for nothing else.
  if (client.hung_up) return;
  if (client.connection.unsent() > kUnreadMax) return hang_up(client);
  try {
    std::string message = encode(reply);
    if (message.size() > static_cast<size_t>(Connection::kMaxBytes)) {
      message = encode(Reply{reply.number, "BadCall", "the reply is too long"});
    }
    client.connection.queue(message);
  } catch (const std::bad_alloc&) {
    return hang_up(client);
  }
  if (!client.replied) replied_.push_back(id);
  client.replied = true;
}

// It is forgotten by receive(), since somebody else's call may be served just
// now.
void ManagerServer::hang_up(Client& client) {
  client.hung_up = true;
  (void)::shutdown(client.connection.fd(), SHUT_RDWR);
}

void ManagerServer::flush_replies() {
  for (const ClientId id : replied_) {
    const auto client = clients_.find(id);
    if (client == clients_.end()) continue;
    client->second.replied = false;
    if (!client->second.sending) flush(id, client->second);
  }
  replied_.clear();
}

// Sends what goes out without waiting.
void ManagerServer::flush(ClientId id, Client& client) {
  try {
    client.sending = client.connection.flush_until(Deadline::at_ns(0)) ==
                     Transfer::timed_out;
    watch(id, client);
  } catch (const std::system_error&) {
    client.sending = false;
    hang_up(client);
  }
}

void ManagerServer::forget(ClientId id) {
  const auto client = clients_.find(id);
  // A child may have a copy, which would be watched for ever.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client->second.connection.fd(),
                    nullptr);
  // What it has used is gone through later: it may be much.
  left_.push_back(std::move(client->second.objects));
  clients_.erase(client);
  for (auto& [awaited, list] : waiting_) {
    for (auto call = list.begin(); call != list.end();) {
      const auto next = std::next(call);
      if (call->call.client == id) stop_waiting(list, call);
      call = next;
    }
  }
  for (hosted::Object* const object : holdable_) object->forget(id);
  std::vector<const hosted::Object*> awaited;
  for (const auto& [object, unused] : waiting_) awaited.push_back(object);
  for (const hosted::Object* const object : awaited) try_again(object);
}

// Goes on to look for objects that no client uses and no object refers to that
// stays, and drops them; for a short time only.
void ManagerServer::collect() {
  if (collecting_ == Collecting::nothing) {
    const bool wanted = !left_.empty() || !unused_.empty() ||
                        (values_changed_ && !referred_to_.empty());
    if (!wanted || !next_collection_.expired()) return;
    collecting_ = Collecting::begin;
  }
  const int64_t end_ns = now_ns() + kCollectStepNs;
  constexpr int kPartsPerClock = 16;
  for (int i = 1; collect_one(); ++i) {
    if (i % kPartsPerClock == 0 && now_ns() > end_ns) return;
  }
}

// Does a small part of a collection; false when it is over.
bool ManagerServer::collect_one() {
  if (collecting_ == Collecting::begin) {
    begin_one();
  } else if (collecting_ == Collecting::mark) {
    if (!mark_one()) collecting_ = Collecting::sweep;
  } else if (!to_look_into_.empty()) {
    collecting_ = Collecting::mark;  // Somebody has come to use one more.
  } else if (!to_sweep_.empty()) {
    drop_unless_met(to_sweep_.extract(to_sweep_.begin()).value());
  } else {
    collecting_ = Collecting::nothing;
    next_collection_ = Deadline::after(kCollectEveryS);
    return false;
  }
  return true;
}

void ManagerServer::begin_one() {
  if (!left_.empty()) {
    Objects& objects = left_.front();
    if (objects.empty()) return left_.pop_front();
    const auto first = objects.begin();
    stop_using(first->first, *first->second);
    objects.erase(first);
    return;
  }
  if (!unused_.empty()) {
    const std::string id = std::move(unused_.back());
    unused_.pop_back();
    const auto object = objects_.find(id);
    if (object == objects_.end() || object->second->users != 0) return;
    if (!object->second->may_be_referred_to) return drop(id);
    referred_to_.insert(id);
    values_changed_ = true;
    return;
  }
  to_sweep_.clear();
  if (std::exchange(values_changed_, false)) to_sweep_.swap(referred_to_);
  if (to_sweep_.empty()) {
    collecting_ = Collecting::sweep;
    return;
  }
  collecting_ = Collecting::mark;
  ++collection_;
  for (hosted::Object* const object : referring_) {
    if (object->users != 0) meet(*object);
  }
}

// Looks into one value, or opens the next object; false if there is none.
bool ManagerServer::mark_one() {
  if (!values_.empty()) {
    look_into_value();
    return true;
  }
  looked_into_ = nullptr;
  if (to_look_into_.empty()) return false;
  looked_into_ = to_look_into_.back();
  to_look_into_.pop_back();
  looked_into_->each_value(
      [this](const Json& value) { values_.push_back(&value); });
  return true;
}

void ManagerServer::look_into_value() {
  const Json& value = *values_.back();
  values_.pop_back();
  for_each_reference(value, [this](const Reference& reference) {
    const auto object = objects_.find(reference.id);
    if (object != objects_.end()) meet(*object->second);
  });
}

void ManagerServer::meet(hosted::Object& object) {
  if (std::exchange(object.seen, collection_) == collection_) return;
  if (object.may_refer) to_look_into_.push_back(&object);
}

void ManagerServer::drop_unless_met(const std::string& id) {
  const auto object = objects_.find(id);
  if (object == objects_.end() || object->second->users != 0) return;
  if (object->second->seen != collection_) return drop(id);
  referred_to_.insert(id);
}

void ManagerServer::drop(const std::string& id) {
  const auto object = objects_.find(id);
  holdable_.erase(object->second.get());
  referring_.erase(object->second.get());
  // What it refers to may have become free.
  values_changed_ = values_changed_ || object->second->may_refer;
  objects_.erase(object);
}

Deadline ManagerServer::next_deadline() const {
  if (collecting_ != Collecting::nothing) return Deadline::at_ns(0);
  Deadline next = Deadline::never();
  if (!due_.empty()) next = Deadline::at_ns(due_.begin()->first);
  const bool collects = !left_.empty() || !unused_.empty() ||
                        (values_changed_ && !referred_to_.empty());
  return collects ? next.sooner(next_collection_) : next;
}

}  // namespace ipc
