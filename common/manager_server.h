// The server of a Manager: one process, one thread, one call after the other.
//
//   clients --request--> [ ready? what each has sent ] --> object.call()
//           <--replies-- [ what was waiting for that object: once more ]
//
// Blocks:  never for a client. One that sends half a message, or nothing, is
//          not waited for; one that does not take its replies is not listened
//          to until it does, and its replies wait in a queue of their own.
// Batches: of one client at most 64 KiB of requests are done before it is the
//          next one's turn, and all their replies go out by one call.
// Limits:  a message of Connection::kMaxBytes, Json::kMaxDepth, and kWaitsMax
//          calls of one client that wait.
// Trust:   a message that is no request ends that connection, after a reply
//          that says so, and nothing else. Objects are known by random numbers
//          of 64 bits, behind one that is the server's own.
// Death:   when a client goes its locks and permits are free, the calls that it
//          waits with are forgotten, and what nobody else refers to is dropped
//          within kCollectEveryS. An object refers to those inside its values;
//          a circle of those is no reason to stay.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.h"
#include "common/connection.h"
#include "common/hosted.h"
#include "common/listener.h"
#include "common/managed_types.h"
#include "common/unique_fd.h"

namespace ipc {

class ManagerServer {
 public:
  static constexpr size_t kWaitsMax = 256;
  static constexpr double kCollectEveryS = 0.1;

  // `generation` and the object that is always there, the root, are known to
  // the clients before the server runs.
  ManagerServer(std::string generation, const ManagedTypes& types);

  void add_client(Connection connection);

  // Serves those who come out of the listener, for ever.
  [[noreturn]] void run(Listener& listener);
  // Serves who has something now, or waits for it until the deadline.
  void step(Listener* listener, Deadline deadline);

  [[nodiscard]] size_t object_count() const { return objects_.size(); }
  [[nodiscard]] size_t client_count() const { return clients_.size(); }

  static std::string new_generation();
  static std::string root_id(const std::string& generation);

 private:
  static constexpr hosted::ClientId kListener = 0;  // None of the clients.

  struct Client {
    Connection connection;          // And the replies that have not gone yet.
    bool sending = false;           // They do not fit.
    bool ending = false;            // Ends when its replies have gone.
    bool replied = false;           // There is something new to flush.
    uint32_t watched = 0;           // What epoll(7) is asked for.
    std::set<std::string> objects;  // Those that it may use.
    size_t waits = 0;
  };
  // A call that could not be done yet.
  struct Waiting {
    hosted::Call call;
    std::shared_ptr<hosted::Object> object;
    Deadline deadline;
  };
  // In the order of arrival, by what they wait for.
  using WaitingCalls = std::map<const hosted::Object*, std::list<Waiting>>;

  void watch(hosted::ClientId id, Client& client);
  void receive(hosted::ClientId id, Client& client);
  void handle(hosted::ClientId id, Client& client, std::string_view message);
  void serve(hosted::Call call);
  Json serve_own(const hosted::Call& call);
  Json create(const hosted::Call& call);
  std::shared_ptr<hosted::Object> find(const std::string& id);
  void use(hosted::ClientId client, const std::string& id);
  void use_all_in(hosted::ClientId client, const Json& value);
  void wait(hosted::Call call, std::shared_ptr<hosted::Object> object);
  void try_again(const hosted::Object* changed);
  bool try_one(const Waiting& waiting);
  void expire();
  void reply(hosted::ClientId id, const Reply& reply);
  void flush(hosted::ClientId id, Client& client);
  void flush_replies();
  void forget(hosted::ClientId id);
  void collect();
  [[nodiscard]] Deadline next_deadline() const;

  std::string generation_;
  const ManagedTypes& types_;
  std::unordered_map<std::string, std::shared_ptr<hosted::Object>> objects_;
  std::map<hosted::ClientId, Client> clients_;
  hosted::ClientId next_client_ = kListener + 1;
  UniqueFd epoll_;  // Watches the clients, and the listener if there is one.
  bool watches_listener_ = false;
  std::vector<hosted::ClientId> replied_;  // In this step.
  WaitingCalls waiting_;
  bool may_have_garbage_ = false;
  Deadline next_collection_ = Deadline::at_ns(0);
};

}  // namespace ipc
