// The server of a Manager: one process, one thread, one call after the other.
//
//   clients --request--> [ ready? what each has sent ] --> a method
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
//          soon: the search begins within ObjectTable::kCollectEveryS and takes
//          of each step kCollectStepNs, so that however many objects there are,
//          nobody waits for it.
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

  // `generation` is the beginning of each object's number.
  ManagerServer(std::string generation, const ManagedTypes& types);

  void add_client(Connection connection);

  // Serves those who come out of the listener, for ever.
  [[noreturn]] void run(Listener& listener);
  // Serves who has something now, or waits for it until the deadline.
  void step(Listener* listener, Deadline deadline);

  [[nodiscard]] size_t object_count() const { return objects_.size(); }
  [[nodiscard]] size_t client_count() const { return clients_.size(); }

 private:
  static constexpr ClientId kListener = 0;  // None of the clients.

  struct Client {
    Connection connection;  // And the replies that have not gone yet.
    uint32_t watched = 0;   // What epoll(7) is asked for.
    bool ending = false;    // Ends when its replies have gone.
    bool hung_up = false;   // Has ended, and is to be forgotten.
    ObjectTable::Uses uses = {};
    size_t waits = 0;

    // Its replies have to go before it is asked for anything else.
    [[nodiscard]] bool is_behind() const { return watched == EPOLLOUT; }
  };
  struct Call {
    ClientId client;
    Request request;
  };

  struct Waiting;
  // Calls that could not be done yet, in the order of arrival.
  using WaitingList = std::list<Waiting>;
  // Those that are done with at a certain time, in the order of the times.
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
  std::map<const ManagedObject*, WaitingList> waiting_;  // By what for.
  DueCalls due_;
};

}  // namespace ipc
