#include "common/manager_server.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "common/errors.h"

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
  return fmt::format("{:016x}", number);
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
void require_no_references(const Call& call) {
  for (const Json& argument : call.request.arguments) {
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
  objects_[root_id(generation_)] = hosted::make("dict", {}, {});
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
  if (may_have_garbage_ && next_collection_.expired()) collect();
}

// The requests of a client, or the rest of its replies.
void ManagerServer::receive(ClientId id, Client& client) {
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
  } catch (const std::system_error&) {
    forget(id);  // A length that is none, or a connection that has failed.
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
  } catch (const std::exception& error) {
    reply(id, error_reply(number, error));
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
  if (!object->may_keep_references()) require_no_references(call);
  for (const Json& argument : request.arguments) {
    for_each_reference(argument, [&](const Reference& reference) {
      use(client, reference.id);
      object->may_refer = true;
    });
  }
  if (std::optional<Json> value = object->call(call)) {
    // It may have replaced what it referred to.
    may_have_garbage_ = may_have_garbage_ || object->may_refer;
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
    const auto client = clients_.find(call.client);
    may_have_garbage_ =
        client->second.objects.erase(call.argument(0).as_text()) != 0 ||
        may_have_garbage_;
    return {};
  }
  throw UnknownMethod("there is no method " + method);
}

Json ManagerServer::create(const Call& call) {
  const std::string type = call.argument(0).as_text();
  std::shared_ptr<hosted::Object> object;
  if (const ManagedTypes::Type* const custom = types_.find(type)) {
    require_no_references(call);
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
      for_each_reference(argument, [&](const Reference& reference) {
        use(call.client, reference.id);
        object->may_refer = true;
      });
    }
  }
  std::string id = generation_ + random_hex();
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
void ManagerServer::use(ClientId client, const std::string& id) {
  (void)find(id);
  clients_.at(client).objects.insert(id);
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
  const Deadline deadline =
      limited ? Deadline::at_ns(now + wait_ns) : Deadline::never();
  ++client.waits;
  const hosted::Object* const awaited = object->waits_on();
  waiting_[awaited].push_back({std::move(call), std::move(object), deadline});
}

// Tries the calls that wait for this object, oldest first. One that is done may
// be what another waits for, so it begins anew until none can be done.
void ManagerServer::try_again(const hosted::Object* changed) {
  const auto calls = waiting_.find(changed);
  if (calls == waiting_.end()) return;
  std::list<Waiting>& list = calls->second;
  for (auto call = list.begin(); call != list.end();) {
    if (try_one(*call)) {
      list.erase(call);
      call = list.begin();
    } else {
      ++call;
    }
  }
  if (list.empty()) waiting_.erase(calls);
}

bool ManagerServer::try_one(const Waiting& waiting) {
  const ClientId id = waiting.call.client;
  const uint64_t number = waiting.call.request.number;
  try {
    std::optional<Json> value = waiting.object->call(waiting.call);
    if (!value) return false;
    if (waiting.object->may_refer) use_all_in(id, *value);
    --clients_.at(id).waits;
    reply(id, {number, "ok", std::move(*value)});
  } catch (const std::exception& error) {
    --clients_.at(id).waits;
    reply(id, error_reply(number, error));
  }
  return true;
}

void ManagerServer::expire() {
  if (waiting_.empty()) return;
  const int64_t now = now_ns();
  std::vector<const hosted::Object*> changed;
  for (auto& [object, list] : waiting_) {
    for (auto call = list.begin(); call != list.end();) {
      if (call->deadline.ns() > now) {
        ++call;
        continue;
      }
      changed.push_back(object);
      if (call->object->give_up(call->call)) {
        --clients_.at(call->call.client).waits;
        reply(call->call.client, {call->call.request.number, "timed out", {}});
        call = list.erase(call);
      } else {
        call->deadline = Deadline::never();
        ++call;
      }
    }
  }
  for (const hosted::Object* const object : changed) try_again(object);
}

void ManagerServer::reply(ClientId id, const Reply& reply) {
  if (reply.number == 0 && reply.outcome == "ok") return;
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  std::string message = encode(reply);
  if (message.size() > static_cast<size_t>(Connection::kMaxBytes)) {
    message = encode(Reply{reply.number, "BadCall", "the reply is too long"});
  }
  Client& client = found->second;
  client.connection.queue(message);
  if (!client.replied) replied_.push_back(id);
  client.replied = true;
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

// Sends what goes out without waiting. That a client has gone is found out by
// receive(), since somebody else's call may be served just now.
void ManagerServer::flush(ClientId id, Client& client) {
  try {
    client.sending = client.connection.flush_until(Deadline::at_ns(0)) ==
                     Transfer::timed_out;
  } catch (const std::system_error&) {
    client.sending = false;
    (void)::shutdown(client.connection.fd(), SHUT_RDWR);
  }
  watch(id, client);
}

void ManagerServer::forget(ClientId id) {
  const auto client = clients_.find(id);
  // A child may have a copy, which would be watched for ever.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client->second.connection.fd(),
                    nullptr);
  clients_.erase(client);
  for (auto& [object, list] : waiting_) {
    list.remove_if([id](const Waiting& w) { return w.call.client == id; });
  }
  for (auto& [unused, object] : objects_) object->forget(id);
  std::vector<const hosted::Object*> awaited;
  for (const auto& [object, unused] : waiting_) awaited.push_back(object);
  for (const hosted::Object* const object : awaited) try_again(object);
  may_have_garbage_ = true;
}

// Drops the objects that no client uses and no object refers to that stays.
void ManagerServer::collect() {
  may_have_garbage_ = false;
  next_collection_ = Deadline::after(kCollectEveryS);
  std::set<std::string> seen = {root_id(generation_)};
  for (const auto& [id, client] : clients_) {
    seen.insert(client.objects.begin(), client.objects.end());
  }
  std::vector<std::string> open(seen.begin(), seen.end());
  while (!open.empty()) {
    const auto object = objects_.find(open.back());
    open.pop_back();
    if (object == objects_.end() || !object->second->may_refer) continue;
    object->second->each_value([&](const Json& value) {
      for_each_reference(value, [&](const Reference& reference) {
        if (seen.insert(reference.id).second) open.push_back(reference.id);
      });
    });
  }
  for (auto object = objects_.begin(); object != objects_.end();) {
    object = seen.count(object->first) != 0 ? std::next(object)
                                            : objects_.erase(object);
  }
}

Deadline ManagerServer::next_deadline() const {
  Deadline next = may_have_garbage_ ? next_collection_ : Deadline::never();
  for (const auto& [object, list] : waiting_) {
    for (const Waiting& call : list) next = next.sooner(call.deadline);
  }
  return next;
}

}  // namespace ipc
