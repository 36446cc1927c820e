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
//          calls of one client that wait. A client for which more than
//          kUnreadMax bytes of replies wait is hung up on. A request takes a
//          few times its own memory, and time in proportion to its length: one
//          of 16 MiB, however deep, takes less than 0.5 s.
// Errors:  whatever a registered method throws is CallFailed at its caller, and
//          a client for which there is no memory is hung up on. A method that
//          crashes, exits or never returns takes the server with it.
// Trust:   a message that is no request ends that connection, after a reply
//          that says so, and nothing else. Objects are known by random numbers
//          of 64 bits, behind one that is the server's own.
// Death:   when a client goes its locks and permits are free, the calls that it
//          waits with are forgotten, and what nobody else refers to is dropped
//          soon: the search begins within kCollectEveryS and takes of each step
//          kCollectStepNs, so that however many objects there are, nobody waits
//          for it. An object refers to those inside its values; a circle of
//          those is no reason to stay.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/manager/internal/server_object.h"
#include "common/manager/types.h"
#include "common/net/listener.h"

namespace ipc {

class ManagerServer {
 public:
  static constexpr size_t kWaitsMax = 256;
  static constexpr double kCollectEveryS = 0.1;
  static constexpr int64_t kCollectStepNs = 1'000'000;
  static constexpr size_t kUnreadMax = 8 << 20;

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

  using Objects = std::unordered_map<std::string, hosted::Object*>;

  struct Client {
    Connection connection;  // And the replies that have not gone yet.
    bool sending = false;   // They do not fit.
    bool ending = false;    // Ends when its replies have gone.
    bool hung_up = false;   // Has ended, and is to be forgotten.
    bool replied = false;   // There is something new to flush.
    uint32_t watched = 0;   // What epoll(7) is asked for.
    Objects objects;        // Those that it may use.
    size_t waits = 0;
  };
  struct Waiting;
  // Calls that could not be done yet, in the order of arrival.
  using WaitingList = std::list<Waiting>;
  // Those that are done with at a certain time, in the order of the times.
  struct Due {
    const hosted::Object* awaited;
    WaitingList::iterator call;
  };
  using DueCalls = std::multimap<int64_t, Due>;
  struct Waiting {
    hosted::Call call;
    std::shared_ptr<hosted::Object> object;
    DueCalls::iterator due;
  };
  // By what they wait for.
  using WaitingCalls = std::map<const hosted::Object*, WaitingList>;

  // Garbage is collected in small parts, between which anything may happen:
  //   begin   what no client uses and no value may refer to is dropped; if the
  //           rest is to be dropped depends on who refers to it
  //   mark    look into all that is in use, and into what is referred to there;
  //           what anybody comes to use meanwhile is met as well, so that no
  //           reference gets past us from a value to one that we have seen
  //   sweep   drop what was not met
  enum class Collecting { nothing, begin, mark, sweep };

  void watch(hosted::ClientId id, Client& client);
  void receive(hosted::ClientId id, Client& client);
  void handle(hosted::ClientId id, Client& client, std::string_view message);
  void serve(hosted::Call call);
  Json serve_own(const hosted::Call& call);
  Json create(const hosted::Call& call);
  std::shared_ptr<hosted::Object> find(const std::string& id);
  hosted::Object& use(hosted::ClientId client, const std::string& id);
  void stop_using(const std::string& id, hosted::Object& object);
  void refer(hosted::ClientId client, hosted::Object& object,
             const Json& value);
  void use_all_in(hosted::ClientId client, const Json& value);
  void wait(hosted::Call call, std::shared_ptr<hosted::Object> object);
  void stop_waiting(WaitingList& list, WaitingList::iterator call);
  void try_again(const hosted::Object* changed);
  bool try_one(const Waiting& waiting);
  std::optional<Json> call(hosted::Object& object, const hosted::Call& call);
  void expire();
  void reply(hosted::ClientId id, const Reply& reply);
  void flush(hosted::ClientId id, Client& client);
  void flush_replies();
  void forget(hosted::ClientId id);
  static void hang_up(Client& client);
  void collect();
  bool collect_one();
  void begin_one();
  bool mark_one();
  void meet(hosted::Object& object);
  void look_into_value();
  void drop_unless_met(const std::string& id);
  void drop(const std::string& id);
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
  DueCalls due_;

  std::unordered_set<hosted::Object*> holdable_;   // may_be_held().
  std::unordered_set<hosted::Object*> referring_;  // may_refer.
  std::list<Objects> left_;                        // By clients that have gone.
  std::vector<std::string> unused_;  // By clients, and not yet looked at.
  std::unordered_set<std::string> referred_to_;  // Unused, kept by values.
  bool values_changed_ = false;  // So that these may have become free.
  Collecting collecting_ = Collecting::nothing;
  uint64_t collection_ = 0;
  std::vector<hosted::Object*> to_look_into_;
  hosted::Object* looked_into_ = nullptr;  // These are what is left of it.
  std::vector<const Json*> values_;
  std::unordered_set<std::string> to_sweep_;
  Deadline next_collection_ = Deadline::at_ns(0);
};

}  // namespace ipc
