#include "common/manager/proxy.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <tuple>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/channel/connection.h"
#include "common/net/listener.h"

namespace ipc {

// All proxies of an object that one thread makes share this.
struct HeldObject {
  ManagerAddress server;
  Reference reference;
};

namespace {

constexpr double kConnectS = 5;
// How much of call_many() is under way at a time: less than a socket takes,
// because a server does not read from a client that does not take its replies.
constexpr size_t kWindowCalls = 64;
constexpr size_t kWindowBytes = 32 << 10;

// The connection of one thread to one server. Any failure here closes it.
class Session {
 public:
  Session(const ManagerAddress& server, Deadline deadline) {
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
  }

  // Adds a request that goes out with the next flush(); returns its number.
  uint64_t queue(std::string_view object, std::string_view method,
                 int64_t wait_ns, const Proxy::Arguments& arguments) {
    const std::string message =
        encode_request(last_number_ + 1, object, method, wait_ns, arguments);
    // The server would hang up if we sent it.
    if (message.size() > static_cast<size_t>(Connection::kMaxBytes)) {
      throw BadCall("the request is too long");
    }
    connection_.queue(message);
    return ++last_number_;
  }
  [[nodiscard]] size_t unsent_bytes() const { return connection_.unsent(); }

  void flush(Deadline deadline) {
    try {
      require(connection_.flush_until(deadline));
    } catch (const std::system_error& error) {
      fail(error.what());
    }
  }

  // Returns the reply to request `number`, which must be the oldest one that a
  // caller still waits for.
  Reply receive(uint64_t number, Deadline deadline) {
    try {
      while (true) {
        // A read(2) that waits on a Unix socket is woken in vain when the
        // server takes the request out of the socket: with many clients every
        // second context switch was in vain. poll(2) waits for a reply only.
        if (!connection_.poll_until(deadline)) require(Transfer::timed_out);
        const Received message = connection_.receive_until(deadline);
        require(message.status);
        Reply reply = decode_reply(*message);
        if (reply.number == 0) throw_error_of(reply);
        IPC_CHECK(reply.number <= number);
        if (reply.number == number) return reply;
        // The call that this reply is for has ended by an exception.
      }
    } catch (const std::system_error& error) {
      fail(error.what());
    }
  }

  // Asks for no reply and reports no error: for destructors.
  void send_drop(const std::string& id) {
    try {
      connection_.queue(encode_request(0, "", "drop", 0, {id}));
      // What does not go out now goes with the next request.
      const Transfer sent = connection_.flush_until(Deadline::at_ns(0));
      if (sent == Transfer::closed) close();
    } catch (const std::exception&) {
      close();
    }
  }

  void close() { connection_.close(); }
  [[nodiscard]] bool is_open() const { return static_cast<bool>(connection_); }

 private:
  [[noreturn]] void fail(const std::string& what) {
    close();
    throw ManagerGone(what);
  }
  void require(Transfer status) {
    if (status == Transfer::timed_out) fail("the manager does not answer");
    if (status != Transfer::ok) fail("the manager has gone");
  }

  Connection connection_;
  uint64_t last_number_ = 0;
};

// The sessions and the held objects of each thread of this process.
//
// Invariants:
//   - A thread has an entry from when it first needs one until it ends. Its
//     sessions are closed then, and the server takes back all that they had.
//     Only the thread itself uses its entry.
//   - A HeldObject is in `held` of the thread that has made it, as long as both
//     live. The thread that destroys its last proxy tells the server to drop
//     the object, unless this thread also holds it by proxies of its own.
//   - Sessions are added and removed under `mutex_`, which fork(2) takes too.
//     So a child finds them all and closes its copies: while one of them is
//     open the server would not see that the parent has ended.
class ThreadTable {
 public:
  static ThreadTable& get() {
    // Never destroyed: a proxy may be the last object that is.
    static ThreadTable& table = *new ThreadTable;
    return table;
  }

  // Returns an open session of this thread. If there is none it makes one, or
  // throws ManagerGone.
  Session& connect(const ManagerAddress& server, Deadline deadline) {
    Thread& thread = mine();
    if (Session* const session = thread.find(server)) return *session;
    Session session(server, deadline);
    const std::scoped_lock guard(mutex_);
    return thread.sessions.insert_or_assign(server, std::move(session))
        .first->second;
  }
  void disconnect(const ManagerAddress& server) {
    Thread& thread = mine();
    const std::scoped_lock guard(mutex_);
    thread.sessions.erase(server);
  }

  std::shared_ptr<const HeldObject> hold(const ManagerAddress& server,
                                         const Reference& reference) {
    std::weak_ptr<const HeldObject>& held = mine().held[reference.id];
    if (auto object = held.lock()) return object;
    std::shared_ptr<const HeldObject> object(new HeldObject{server, reference},
                                             [](const HeldObject* last) {
                                               get().drop(*last);
                                               delete last;
                                             });
    held = object;
    return object;
  }

 private:
  struct Thread {
    Session* find(const ManagerAddress& server) {
      const auto session = sessions.find(server);
      const bool open = session != sessions.end() && session->second.is_open();
      return open ? &session->second : nullptr;
    }

    // A client with another key gets a session of its own.
    struct IsLess {
      bool operator()(const ManagerAddress& a, const ManagerAddress& b) const {
        return std::tie(a.address, a.key) < std::tie(b.address, b.key);
      }
    };
    std::map<ManagerAddress, Session, IsLess> sessions;
    std::map<std::string, std::weak_ptr<const HeldObject>> held;
  };

  ThreadTable() {
    // The value of such a key is destroyed after all thread_local objects, of
    // which some may be proxies.
    check_zero(
        ::pthread_key_create(&key_, [](void* thread) { get().end(thread); }),
        "pthread_key_create");
    check_zero(::pthread_atfork([] { get().mutex_.lock(); },
                                [] { get().mutex_.unlock(); },
                                [] { get().begin_child(); }),
               "pthread_atfork");
  }

  // The entry of this thread; null if it has none.
  [[nodiscard]] Thread* find() const {
    return static_cast<Thread*>(::pthread_getspecific(key_));
  }
  Thread& mine() {
    if (Thread* const thread = find()) return *thread;
    const std::scoped_lock guard(mutex_);
    Thread& thread = threads_.emplace_back();
    check_zero(::pthread_setspecific(key_, &thread), "pthread_setspecific");
    return thread;
  }
  void drop(const HeldObject& object) {
    Thread* const thread = find();
    if (thread == nullptr) return;
    const std::string& id = object.reference.id;
    const auto held = thread->held.find(id);
    if (held != thread->held.end() && !held->second.expired()) return;
    if (held != thread->held.end()) thread->held.erase(held);
    Session* const session = thread->find(object.server);
    if (session != nullptr) session->send_drop(id);
  }
  void end(void* thread) {
    const std::scoped_lock guard(mutex_);
    threads_.remove_if([&](const Thread& each) { return &each == thread; });
  }
  void begin_child() {
    for (Thread& thread : threads_) {
      for (auto& [server, session] : thread.sessions) session.close();
    }
    mutex_.unlock();
  }

  pthread_key_t key_{};
  std::mutex mutex_;
  std::list<Thread> threads_;
};

std::optional<Json> call_object(const ManagerAddress& server, Deadline deadline,
                                std::string_view object,
                                std::string_view method,
                                const Proxy::Arguments& arguments) {
  // The server keeps the deadline itself. It is late only if it is stuck, and
  // then accepts neither a connection nor a request.
  const Deadline last =
      deadline.is_never()
          ? deadline
          : Deadline::after(static_cast<double>(deadline.left_ns()) * 1e-9 +
                            Proxy::kGraceS * time_scale());
  Session& session = ThreadTable::get().connect(server, last);
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

Proxy::Proxy(const ManagerAddress& server, const Json& reference)
    : held_(ThreadTable::get().hold(server, to_reference(reference))) {}

Proxy::Proxy(Proxy proxy, std::string_view type)
    : held_(std::move(proxy.held_)) {
  if (this->type() != type) {
    throw BadCall("the object is a " + this->type() + ", not a " +
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
  Session& session = ThreadTable::get().connect(server(), Deadline::never());
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
    // Send more when half of the replies have come, so that several requests go
    // out together.
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
      reply = {0, "BadCall", "a call of call_many() must not wait"};
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

Proxy::operator Json() const { return to_json(held_->reference); }
const std::string& Proxy::type() const { return held_->reference.type; }
const std::string& Proxy::id() const { return held_->reference.id; }
const ManagerAddress& Proxy::server() const { return held_->server; }

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
  ThreadTable::get().disconnect(server);
}

}  // namespace ipc
