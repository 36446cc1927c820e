#include "common/manager/internal/server.h"

#include <errno.h>
#include <sys/socket.h>

#include <array>
#include <new>
#include <set>
#include <system_error>
#include <utility>

#include "common/base/errors.h"

namespace ipc {
namespace {

// How many clients are served before the server looks at the time.
constexpr size_t kEventsMax = 64;
// How many bytes of replies to a client may wait while the server does more of
// its requests.
constexpr size_t kUnsentMax = 64 << 10;

}  // namespace

ManagerServer::ManagerServer(std::string generation, const ManagedTypes& types)
    : objects_(std::move(generation), types),
      epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

void ManagerServer::add_client(Connection connection) {
  const ClientId id = next_client_++;
  Client& client = clients_[id];
  client.connection = std::move(connection);
  client.connection.read_ahead();
  try {
    watch(id, client.connection.fd(), client.watched, EPOLLIN);
  } catch (const std::system_error&) {
    clients_.erase(id);  // The kernel has no memory to watch another one.
  }
}

void ManagerServer::watch(ClientId id, int fd, uint32_t& watched,
                          uint32_t wanted) {
  if (wanted == watched) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = id;
  const int operation = watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  check(::epoll_ctl(epoll_.get(), operation, fd, &event), "epoll_ctl");
  watched = wanted;
}

void ManagerServer::run(Listener& listener) {
  while (true) step(&listener, Deadline::never());
}

void ManagerServer::step(Listener* listener, Deadline deadline) {
  if (listener != nullptr) {
    watch(kListener, listener->fd(), listener_watched_, EPOLLIN);
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
  objects_.collect();
}

Deadline ManagerServer::next_deadline() const {
  const Deadline next = objects_.next_collection();
  return due_.empty() ? next
                      : next.sooner(Deadline::at_ns(due_.begin()->first));
}

// Takes the requests of a client, or sends the rest of its replies.
void ManagerServer::receive(ClientId id, Client& client) {
  if (client.hung_up) return forget(id);
  try {
    if (client.is_behind()) {
      if (!flush(id, client)) return;
      if (client.ending) return forget(id);
      // Requests that were read before are in memory: epoll(7) will not report
      // them.
      if (!client.connection.holds_message()) return;
    }
    do {
      const Received message =
          client.connection.receive_until(Deadline::at_ns(0));
      if (message) {
        handle(id, client, *message);
      } else if (message.status != Transfer::timed_out) {
        return forget(id);
      }
      // A short request may have a long reply.
      if (client.connection.unsent() > kUnsentMax) (void)flush(id, client);
    } while (!client.is_behind() && client.connection.holds_message());
  } catch (const std::exception&) {
    // An impossible length, a connection that has failed, or no memory.
    forget(id);
  }
}

void ManagerServer::handle(ClientId id, Client& client,
                           std::string_view message) {
  Call call{id, {}};
  try {
    call.request = decode_request(message);
  } catch (const JsonError& error) {
    reply(id, {0, "BadCall", error.what()});
    client.ending = true;
    watch(id, client.connection.fd(), client.watched, EPOLLOUT);
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
  const Request& request = call.request;
  if (request.object.empty()) {
    return reply(call, "ok", serve_own(call));
  }
  ObjectTable::Uses& uses = clients_.at(call.client).uses;
  const std::shared_ptr<ManagedObject> object =
      objects_.use(uses, request.object);
  objects_.give(uses, *object, request.arguments);
  if (std::optional<Json> value = do_call(*object, call)) {
    reply(call, "ok", std::move(*value));
  } else {
    wait(std::move(call), object);
  }
  try_again(object->waits_on());
}

// The calls to the server itself.
Json ManagerServer::serve_own(const Call& call) {
  const std::string& method = call.request.method;
  const std::vector<Json>& arguments = call.request.arguments;
  ObjectTable::Uses& uses = clients_.at(call.client).uses;
  if (method == "root") return objects_.root();
  if (method == "count") return objects_.size();
  if (method != "create" && method != "drop") {
    throw UnknownMethod("there is no method " + method);
  }
  if (arguments.empty()) throw BadCall(method + " needs more arguments");
  const std::string name = arguments[0].as_text();
  if (method == "create") {
    return objects_.create(uses, caller(call), name,
                           {arguments.begin() + 1, arguments.end()});
  }
  objects_.stop_using(uses, name);
  return {};
}

Caller ManagerServer::caller(const Call& call) const {
  return objects_.caller(call.client, call.request.number);
}

// Does the call, or returns nothing if it must wait.
std::optional<Json> ManagerServer::do_call(ManagedObject& object,
                                           const Call& call) {
  return objects_.call(clients_.at(call.client).uses, object, caller(call),
                       call.request);
}

void ManagerServer::wait(Call call, std::shared_ptr<ManagedObject> object) {
  Client& client = clients_.at(call.client);
  const int64_t wait_ns = call.request.wait_ns;
  const bool full = client.waits >= kWaitsMax;
  if ((wait_ns == 0 || full) && object->give_up(caller(call))) {
    if (wait_ns != 0) throw BadCall("too many calls of this client wait");
    return reply(call, "timed out", {});
  }
  ++client.waits;
  WaitingList& list = waiting_[object->waits_on()];
  list.push_back({std::move(call), std::move(object), due_.end()});
  const int64_t now = now_ns();
  const bool limited = wait_ns > 0 && wait_ns < INT64_MAX - now;
  const auto last = std::prev(list.end());
  if (limited) last->due = due_.emplace(now + wait_ns, last);
}

void ManagerServer::stop_waiting(WaitingList& list,
                                 WaitingList::iterator waiting) {
  --clients_.at(waiting->call.client).waits;
  if (waiting->due != due_.end()) due_.erase(waiting->due);
  list.erase(waiting);
}

// Tries the calls that wait for this object, oldest first. Another may wait for
// what one call does, so after each success it starts again at the oldest.
void ManagerServer::try_again(const ManagedObject* changed) {
  const auto calls = waiting_.find(changed);
  if (calls == waiting_.end()) return;
  WaitingList& list = calls->second;
  for (auto waiting = list.begin(); waiting != list.end();) {
    if (try_one(*waiting)) {
      stop_waiting(list, waiting);
      waiting = list.begin();
    } else if (waiting->object->may_overtake()) {
      ++waiting;
    } else {
      break;  // Do not try the others: there may be thousands.
    }
  }
  if (list.empty()) waiting_.erase(calls);
}

bool ManagerServer::try_one(const Waiting& waiting) {
  const Call& call = waiting.call;
  try {
    std::optional<Json> value = do_call(*waiting.object, call);
    if (!value) return false;
    reply(call, "ok", std::move(*value));
  } catch (...) {
    reply(call.client, error_reply(call.request.number));
  }
  return true;
}

void ManagerServer::expire() {
  if (due_.empty()) return;
  const int64_t now = now_ns();
  std::set<const ManagedObject*> changed;
  while (!due_.empty() && due_.begin()->first <= now) {
    const WaitingList::iterator waiting = due_.begin()->second;
    due_.erase(due_.begin());
    waiting->due = due_.end();
    const ManagedObject* const awaited = waiting->object->waits_on();
    changed.insert(awaited);
    if (!waiting->object->give_up(caller(waiting->call))) continue;
    reply(waiting->call, "timed out", {});
    stop_waiting(waiting_.at(awaited), waiting);
  }
  for (const ManagedObject* const object : changed) try_again(object);
}

void ManagerServer::reply(const Call& call, const char* outcome, Json value) {
  reply(call.client, {call.request.number, outcome, std::move(value)});
}

void ManagerServer::reply(ClientId id, const Reply& reply) {
  if (reply.number == 0 && reply.outcome == "ok") return;
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  Client& client = found->second;
  // Calls of a closed connection may have waited and end only now.
  if (client.hung_up) return;
  if (client.connection.unsent() > kUnreadMax) return hang_up(client);
  if (client.connection.unsent() == 0) replied_.push_back(id);
  try {
    std::string message = encode(reply);
    if (message.size() > static_cast<size_t>(Connection::kMaxBytes)) {
      message = encode(Reply{reply.number, "BadCall", "the reply is too long"});
    }
    client.connection.queue(message);
  } catch (const std::bad_alloc&) {
    hang_up(client);
  }
}

// receive() forgets the client later, because the server may be in the middle
// of a call of another client.
void ManagerServer::hang_up(Client& client) {
  client.hung_up = true;
  (void)::shutdown(client.connection.fd(), SHUT_RDWR);
}

void ManagerServer::flush_replies() {
  for (const ClientId id : replied_) {
    const auto client = clients_.find(id);
    if (client == clients_.end() || client->second.is_behind()) continue;
    (void)flush(id, client->second);
  }
  replied_.clear();
}

// Sends what it can without waiting; false if some replies are left.
bool ManagerServer::flush(ClientId id, Client& client) {
  try {
    const bool fits = client.connection.flush_until(Deadline::at_ns(0)) !=
                      Transfer::timed_out;
    watch(id, client.connection.fd(), client.watched,
          fits && !client.ending ? EPOLLIN : EPOLLOUT);
    return fits;
  } catch (const std::system_error&) {
    hang_up(client);
    return true;
  }
}

void ManagerServer::forget(ClientId id) {
  Client& client = clients_.at(id);
  // A child may have a copy, which epoll(7) would watch forever.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client.connection.fd(),
                    nullptr);
  for (auto& [awaited, list] : waiting_) {
    for (auto waiting = list.begin(); waiting != list.end();) {
      const auto next = std::next(waiting);
      if (waiting->call.client == id) stop_waiting(list, waiting);
      waiting = next;
    }
  }
  objects_.leave(id, std::move(client.uses));
  clients_.erase(id);
  // What it held is free now: try the calls that wait for it.
  std::vector<const ManagedObject*> awaited;
  for (const auto& [object, unused] : waiting_) awaited.push_back(object);
  for (const ManagedObject* const object : awaited) try_again(object);
}

}  // namespace ipc
