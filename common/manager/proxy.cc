#include "common/manager/proxy.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "common/base/check.h"
#include "common/base/hooks.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

namespace ipc {
namespace {

constexpr double kConnectS = 5;
// So much of many calls is under way at a time: less than what a socket takes,
// since a server does not listen to who does not take its replies.
constexpr size_t kWindowCalls = 64;
constexpr size_t kWindowBytes = 32 << 10;

// The connection of one thread to one server.
class Session {
 public:
  Session(const ManagerAddress& server, Deadline deadline);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(Session&&) = delete;
  ~Session();

  // What goes out with the next flush(); its number.
  uint64_t queue(std::string_view object, std::string_view method,
                 int64_t wait_ns, const Proxy::Arguments& arguments);
  [[nodiscard]] size_t unsent_bytes() const { return connection_.unsent(); }
  void flush(Deadline deadline);
  // The reply to the oldest request that waits for one.
  Reply receive(uint64_t number, Deadline deadline);
  // Without a reply, and without an error: for destructors.
  void send_drop(const std::string& id);

  void close() { connection_.close(); }
  [[nodiscard]] bool is_open() const { return static_cast<bool>(connection_); }

 private:
  [[noreturn]] void fail(const std::string& what);

  Connection connection_;
  uint64_t last_number_ = 0;
};

// Every open session of the process, so that a child can close its copies: the
// server would not see its parent's end as long as they are open.
std::mutex sessions_mutex;
std::set<Session*>& all_sessions() {
  static std::set<Session*> sessions;
  return sessions;
}

void watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] {
    (void)::pthread_atfork([] { sessions_mutex.lock(); },
                           [] { sessions_mutex.unlock(); },
                           [] {
                             for (Session* const session : all_sessions()) {
                               session->close();
                             }
                             all_sessions().clear();
                             sessions_mutex.unlock();
                           });
  });
}

Session::Session(const ManagerAddress& server, Deadline deadline) {
  try {
    connection_ = connect_until(
        Address(server.address), {.key = server.key},
        deadline.sooner(Deadline::after(kConnectS * time_scale())));
  } catch (const std::system_error& error) {
    const bool refused = error.code() == std::errc::permission_denied;
    throw ManagerGone((refused ? "" : "there is no manager: ") +
                      std::string(error.what()));
  }
  connection_.read_ahead();
  watch_forks();
  const std::scoped_lock guard(sessions_mutex);
  all_sessions().insert(this);
}

Session::~Session() {
  const std::scoped_lock guard(sessions_mutex);
  all_sessions().erase(this);
}

void Session::fail(const std::string& what) {
  close();
  throw ManagerGone(what);
}

uint64_t Session::queue(std::string_view object, std::string_view method,
                        int64_t wait_ns, const Proxy::Arguments& arguments) {
  const uint64_t number = last_number_ + 1;
  const std::string message =
      encode_request(number, object, method, wait_ns, arguments);
  // The server would hang up.
  if (message.size() > static_cast<size_t>(Connection::kMaxBytes)) {
    throw BadCall("the request is too long");
  }
  connection_.queue(message);
  last_number_ = number;
  return number;
}

void Session::flush(Deadline deadline) {
  try {
    const Transfer sent = connection_.flush_until(deadline);
    if (sent == Transfer::ok) return;
    if (sent == Transfer::timed_out) fail("the manager does not answer");
  } catch (const std::system_error& error) {
    fail(error.what());
  }
  fail("the manager has gone");
}

Reply Session::receive(uint64_t number, Deadline deadline) {
  try {
    // A read(2) that waits at a Unix socket is woken for nothing when the
    // server takes the request off: with many clients each second switch was in
    // vain. poll(2) waits for a reply, and is no event of its own.
    if (!connection_.poll_until(deadline)) fail("the manager does not answer");
    const Received message = connection_.receive_until(deadline);
    if (message.status == Transfer::timed_out) {
      fail("the manager does not answer");
    }
    if (!message) fail("the manager has gone");
    Reply reply = decode_reply(*message);
    if (reply.number == 0) throw_error_of(reply);
    IPC_CHECK(reply.number == number);
    return reply;
  } catch (const std::system_error& error) {
    fail(error.what());
  }
}

void Session::send_drop(const std::string& id) {
  try {
    const Request request{0, "", "drop", 0, {Json(id)}};
    // What does not go out now goes with the next request.
    connection_.queue(encode(request));
    const Transfer sent = connection_.flush_until(Deadline::at_ns(0));
    if (sent == Transfer::closed) close();
  } catch (const std::exception&) {
    close();
  }
}

// Set when the sessions of this thread have gone, and proxies may be left.
thread_local bool thread_is_ending = false;

// The sessions of this thread, one for each server.
class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  Thread(Thread&&) = delete;
  Thread& operator=(Thread&&) = delete;
  ~Thread() { thread_is_ending = true; }

  static Thread& current() {
    thread_local Thread thread;
    return thread;
  }

  // The session, if there is one that is open.
  Session* find(const ManagerAddress& server) {
    const auto session = sessions_.find(server);
    if (session == sessions_.end() || !session->second->is_open()) {
      return nullptr;
    }
    return session->second.get();
  }
  Session& get(const ManagerAddress& server, Deadline deadline) {
    if (Session* const session = find(server)) return *session;
    auto session = std::make_unique<Session>(server, deadline);
    return *(sessions_[server] = std::move(session));
  }
  void forget(const ManagerAddress& server) { sessions_.erase(server); }

 private:
  // Who has another key is somebody else.
  struct Less {
    bool operator()(const ManagerAddress& a, const ManagerAddress& b) const {
      return std::tie(a.address, a.key) < std::tie(b.address, b.key);
    }
  };
  std::map<ManagerAddress, std::unique_ptr<Session>, Less> sessions_;
};

std::optional<Json> call_object(const ManagerAddress& server, Deadline deadline,
                                std::string_view object,
                                std::string_view method,
                                const Proxy::Arguments& arguments) {
  // The server keeps to the deadline; it is late only if it is stuck, and then
  // takes neither a connection nor a request.
  const Deadline last =
      deadline.is_never()
          ? deadline
          : Deadline::after(static_cast<double>(deadline.left_ns()) * 1e-9 +
                            Proxy::kGraceS * time_scale());
  Session& session = Thread::current().get(server, last);
  const int64_t wait_ns =
      deadline.is_never() ? Request::kForEver : deadline.left_ns();
  const uint64_t number = session.queue(object, method, wait_ns, arguments);
  session.flush(last);
  Reply reply = session.receive(number, last);
  if (reply.outcome == "ok") return std::move(reply.value);
  if (reply.outcome == "timed out") return std::nullopt;
  throw_error_of(reply);
}

}  // namespace

// One for all proxies of an object in a thread; drops it with the last of them.
class Proxy::Held {
 public:
  Held(ManagerAddress server, Reference reference)
      : server_(std::move(server)), reference_(std::move(reference)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  Held(Held&&) = delete;
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (thread_is_ending) return;
    const auto known = table().find(reference_.id);
    // Made in another thread, while this one has its own for that object.
    if (known != table().end() && !known->second.expired()) return;
    if (known != table().end()) table().erase(known);
    Session* const session = Thread::current().find(server_);
    if (session != nullptr) session->send_drop(reference_.id);
  }

  static std::shared_ptr<const Held> get(const ManagerAddress& server,
                                         const Reference& reference) {
    (void)Thread::current();  // So that it is the last to go.
    std::weak_ptr<const Held>& known = table()[reference.id];
    if (auto held = known.lock()) return held;
    auto held = std::make_shared<const Held>(server, reference);
    known = held;
    return held;
  }

  const ManagerAddress& server() const { return server_; }
  const Reference& reference() const { return reference_; }

 private:
  static std::map<std::string, std::weak_ptr<const Held>>& table() {
    thread_local std::map<std::string, std::weak_ptr<const Held>> table;
    return table;
  }

  ManagerAddress server_;
  Reference reference_;
};

Proxy::Proxy(const ManagerAddress& server, const Json& reference)
    : held_(Held::get(server, to_reference(reference))) {}

Proxy::Proxy(Proxy proxy, std::string_view type)
    : held_(std::move(proxy.held_)) {
  if (this->type() != type) {
    throw BadCall("the object is a " + this->type() + " and no " +
                  std::string(type));
  }
}

std::optional<Json> Proxy::call_until(Deadline deadline,
                                      std::string_view method,
                                      const Arguments& arguments) const {
  return call_object(server(), deadline, id(), method, arguments);
}

std::vector<Json> Proxy::call_many(std::string_view method,
                                   const std::vector<Arguments>& calls) const {
  Session& session = Thread::current().get(server(), Deadline::never());
  struct Sent {
    uint64_t number;
    size_t bytes;
  };
  std::deque<Sent> under_way;
  size_t bytes = 0;
  std::vector<Json> values;
  values.reserve(calls.size());
  std::optional<Reply> failed;
  size_t next = 0;
  while (values.size() < calls.size()) {
    // Anew when half of them have come, so that not each goes out by itself.
    if (under_way.size() <= kWindowCalls / 2 && bytes <= kWindowBytes / 2) {
      while (next < calls.size() && under_way.size() < kWindowCalls &&
             bytes < kWindowBytes) {
        const size_t before = session.unsent_bytes();
        const uint64_t number = session.queue(id(), method, 0, calls[next++]);
        under_way.push_back({number, session.unsent_bytes() - before});
        bytes += under_way.back().bytes;
      }
      session.flush(Deadline::never());
    }
    Reply reply = session.receive(under_way.front().number, Deadline::never());
    bytes -= under_way.front().bytes;
    under_way.pop_front();
    if (reply.outcome == "timed out") {
      reply = {0, "BadCall", "a call among many must not wait"};
    }
    if (reply.outcome != "ok" && !failed) failed = reply;
    values.push_back(std::move(reply.value));
  }
  if (failed) throw_error_of(*failed);
  return values;
}

std::optional<Json> Proxy::wait_until(Deadline deadline,
                                      std::string_view method,
                                      const Arguments& arguments) const {
  if (event_hook == nullptr) return call_until(deadline, method, arguments);
  if (auto value = call_until(Deadline::at_ns(0), method, arguments)) {
    return value;
  }
  if (deadline.expired()) return std::nullopt;
  event(EventKind::wait, event_name());
  auto value = call_until(deadline, method, arguments);
  event(EventKind::wake, event_name());
  return value;
}

Proxy::operator Json() const { return to_json(held_->reference()); }
const std::string& Proxy::type() const { return held_->reference().type; }
const std::string& Proxy::id() const { return held_->reference().id; }
const ManagerAddress& Proxy::server() const { return held_->server(); }

std::string Proxy::event_name() const {
  constexpr size_t kShown = 8;
  return type() + "@" +
         id().substr(id().size() - std::min(kShown, id().size()));
}

Json call_server(const ManagerAddress& server, std::string_view method,
                 const Proxy::Arguments& arguments) {
  return *call_object(server, Deadline::never(), "", method, arguments);
}

void forget_server(const ManagerAddress& server) {
  Thread::current().forget(server);
}

}  // namespace ipc
