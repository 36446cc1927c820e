// What stands in a client for an object in the server of a Manager.
//
//   ipc::Proxy counter = manager.create("Counter");
//   const int value = counter.call("increment").as_int();
//
// A copy of a proxy is the same object. The proxies of managed.h have the
// methods of their types.
//
// Lifetime: the object stays as long as a process has used it and not dropped
//           its last proxy, or a managed container refers to it.
// Blocks:   call() until the server has replied: for a lock that is taken, or
//           an empty queue, as long as that lasts. call_until() at most to the
//           deadline, and kGraceS longer if the server does not move.
// Time-out: a call that returns nothing was not done and never will be: it may
//           be made again. ManagerGone, in the middle of a call, leaves open
//           whether that was done; what it had locked is free again.
// Processes: each thread of each process has a connection of its own, made
//           when it is first needed. A lock belongs to the connection.
// Fork:     the child has none of its parent's connections; it may use the
//           proxies that it has inherited as long as the parent keeps them.
// Errors:   ManagerGone within a second if the server has ended, within 12 s if
//           its machine, or the network to it, has gone; StaleObject,
//           UnknownMethod, BadCall, CallFailed as in wire.h. BadCall
//           also for arguments or results of more than Connection::kMaxBytes.
// Death:    of a client: the server takes back what belongs to its connections,
//           and within 12 s if it is the client's machine that has vanished.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/manager/wire.h"

namespace ipc {

// Where a server is, and the key to it.
struct ManagerAddress {
  std::string address;
  std::string key;
};

struct HeldObject;

class Proxy {
 public:
  // How much later than a deadline the server may answer; times time_scale().
  static constexpr double kGraceS = 5;

  using Arguments = std::vector<Json>;

  // The object that `reference` is, a value that came from this server.
  Proxy(const ManagerAddress& server, const Json& reference);

  Json call(std::string_view method, const Arguments& arguments = {}) const {
    return *call_until(Deadline::never(), method, arguments);
  }
  // Nothing if it could not be done until the deadline. A deadline that has
  // passed asks for what can be done at once.
  std::optional<Json> call_until(Deadline deadline, std::string_view method,
                                 const Arguments& arguments = {}) const;

  // The same several times, in this order, with one wait for all: the replies.
  // For calls that do not block. The first error is thrown when all have come.
  [[nodiscard]] std::vector<Json> call_many(
      std::string_view method, const std::vector<Arguments>& calls) const;

  // So a proxy can be put into a managed container; open() gets it out again.
  operator Json() const;
  // The proxy of what `value`, from this server, refers to. BadCall if that is
  // nothing, or of another type.
  template <typename T>
  [[nodiscard]] T open(const Json& value) const {
    return T(Proxy(server(), value));
  }

  [[nodiscard]] const std::string& type() const;
  [[nodiscard]] const std::string& id() const;
  [[nodiscard]] const ManagerAddress& server() const;

 protected:
  // For a proxy of this type; BadCall if the object is of another.
  Proxy(Proxy proxy, std::string_view type);
  // call() of a method that counts.
  size_t count(std::string_view method, const Arguments& arguments = {}) const {
    return static_cast<size_t>(call(method, arguments).as_int());
  }
  // The same as call_until, and says in the event log that it waits.
  std::optional<Json> wait_until(Deadline deadline, std::string_view method,
                                 const Arguments& arguments = {}) const;
  // For the event log: "Lock@" and a part of the number.
  [[nodiscard]] std::string event_name() const;

 private:
  std::shared_ptr<const HeldObject> held_;
};

// Calls the server itself: "create", "root", "count".
Json call_server(const ManagerAddress& server, std::string_view method,
                 const Proxy::Arguments& arguments = {});

// Closes this thread's connection to a server that has ended. It would stay
// open until the thread ends, or calls once more and gets ManagerGone.
void forget_server(const ManagerAddress& server);

}  // namespace ipc
