// The server of a Manager: one process, one thread, one call after the other.
//
//   clients --request--> [ those that are ready, in turn ] --> a method
//           <--replies-- [ try again the calls that wait on that object ]
//
// Blocks:  never for one client. The server does not wait for a client that
//          sends half a message or nothing. It does not read from a client that
//          does not take its replies; they wait in a queue for that client.
// Batches: the server does at most 64 KiB of requests of one client before it
//          is the turn of the next, and sends all their replies by one call.
// Limits:  a message of Connection::kMaxBytes, a depth of Json::kMaxDepth, and
//          kWaitsMax waiting calls of one client. The server closes the
//          connection of a client that leaves more than kUnreadMax bytes of
//          replies unread. A request takes a few times its own memory, and time
//          in proportion to its length: one of 16 MiB, however deep, takes less
//          than 0.5 s.
// Errors:  whatever a registered method throws is CallFailed at its caller. If
//          there is no memory for a client, its connection is closed. A method
//          that crashes, exits or never returns takes the server with it.
// Trust:   a message that is not a request ends its own connection only, after
//          a reply that says so. The id of an object is a random number of 64
//          bits, behind another one that all objects of the server share.
// Death:   when a client goes, its locks and permits become free, its waiting
//          calls are forgotten, and objects that no other client or value
//          refers to are dropped soon. The search begins within
//          ObjectTable::kCollectEveryS. It takes at most kCollectStepNs of each
//          step, so it delays no client, however many objects there are.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/manager/internal/object_table.h"
#include "common/manager/types.h"
#include "common/manager/wire.h"
#include "common/net/listener.h"

namespace ipc {

class ManagerServer {
 public:
  static constexpr size_t kWaitsMax = 256;
  static constexpr size_t kUnreadMax = 8 << 20;

  // `generation` is the beginning of each object's id.
  ManagerServer(std::string generation, const ManagedTypes& types);

  void add_client(Connection connection);

  // Serves the clients that come from the listener, forever.
  [[noreturn]] void run(Listener& listener);
  // Serves the clients that have sent something, and waits for that at most
  // until the deadline.
  void step(Listener* listener, Deadline deadline);

  [[nodiscard]] size_t object_count() const { return objects_.size(); }
  [[nodiscard]] size_t client_count() const { return clients_.size(); }

 private:
  static constexpr ClientId kListener = 0;  // Not the id of a client.

  struct Client {
    Connection connection;  // With the replies that have not been sent yet.
    uint32_t watched = 0;   // The events that epoll(7) watches for.
    bool ending = false;    // Ends when its replies have been sent.
    bool hung_up = false;   // Has ended, and receive() will forget it.
    ObjectTable::Uses uses = {};
    size_t waits = 0;  // How many of its calls wait.

    // Its replies have to be sent before the server reads from it again.
    [[nodiscard]] bool is_behind() const { return watched == EPOLLOUT; }
  };
  struct Call {
    ClientId client;
    Request request;
  };

  struct Waiting;
  // Calls that could not be done yet, in the order of arrival.
  using WaitingList = std::list<Waiting>;
  // The waiting calls that have a deadline, in the order of their deadlines.
  using DueCalls = std::multimap<int64_t, WaitingList::iterator>;
  struct Waiting {
    Call call;
    std::shared_ptr<ManagedObject> object;
    DueCalls::iterator due;
  };

  void watch(ClientId id, int fd, uint32_t& watched, uint32_t wanted);
  void receive(ClientId id, Client& client);
  void handle(ClientId id, Client& client, std::string_view message);
  void serve(Call call);
  Json serve_own(const Call& call);
  [[nodiscard]] Caller caller(const Call& call) const;
  std::optional<Json> do_call(ManagedObject& object, const Call& call);
  void wait(Call call, std::shared_ptr<ManagedObject> object);
  void stop_waiting(WaitingList& list, WaitingList::iterator waiting);
  void try_again(const ManagedObject* changed);
  bool try_one(const Waiting& waiting);
  void expire();
  void reply(const Call& call, const char* outcome, Json value);
  void reply(ClientId id, const Reply& reply);
  bool flush(ClientId id, Client& client);
  void flush_replies();
  void forget(ClientId id);
  static void hang_up(Client& client);
  [[nodiscard]] Deadline next_deadline() const;

  ObjectTable objects_;
  std::map<ClientId, Client> clients_;
  ClientId next_client_ = kListener + 1;
  UniqueFd epoll_;  // Watches the clients, and the listener if there is one.
  uint32_t listener_watched_ = 0;
  std::vector<ClientId> replied_;  // Since the last flush_replies().
  std::map<const ManagedObject*, WaitingList> waiting_;  // By awaited object.
  DueCalls due_;
};

}  // namespace ipc
