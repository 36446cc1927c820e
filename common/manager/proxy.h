// A proxy stands in a client for an object in the server of a Manager.
//
//   ipc::Proxy counter = manager.create("Counter");
//   const int value = counter.call("increment").as_int();
//
// A copy of a proxy stands for the same object. The proxies of managed.h have
// the methods of their types.
//
// Lifetime: the object stays as long as a process that has used it still has a
//           proxy of it, or a managed container refers to it.
// Blocks:   call() until the server has replied; if a lock is taken or a queue
//           is empty, that lasts until this changes. call_until() at most until
//           the deadline, and kGraceS longer if the server does not respond.
// Time-out: a call that returns nothing was not done and never will be; you may
//           repeat it. If a call throws ManagerGone, it may have been done or
//           not; all that this connection had locked is free again.
// Processes: each thread of each process has a connection of its own, made
//           when it is first needed. A lock belongs to the connection.
// Fork:     the child has none of its parent's connections. It may use the
//           proxies that it has inherited as long as the parent keeps them.
// Errors:   ManagerGone within a second if the server has ended, within 12 s if
//           its machine or the network fails; StaleObject, UnknownMethod,
//           BadCall, CallFailed as in wire.h. BadCall also for arguments or
//           results of more than Connection::kMaxBytes.
// Death:    when a client dies, the server takes back at once what belongs to
//           its connections; within 12 s if the client's machine has failed.
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

// The address of a server, and the key that it asks for.
struct ManagerAddress {
  std::string address;
  std::string key;
};

struct HeldObject;

class Proxy {
 public:
  // How long after a deadline the server may answer, in seconds times
  // time_scale().
  static constexpr double kGraceS = 5;

  using Arguments = std::vector<Json>;

  // A proxy of the object that `reference`, a value from this server, names.
  Proxy(const ManagerAddress& server, const Json& reference);

  Json call(std::string_view method, const Arguments& arguments = {}) const {
    return *call_until(Deadline::never(), method, arguments);
  }
  // Returns nothing if the call could not be done by the deadline. After a
  // deadline that has passed already it does what can be done at once.
  std::optional<Json> call_until(Deadline deadline, std::string_view method,
                                 const Arguments& arguments = {}) const;

  // Makes several calls, in this order, and waits only once for all replies,
  // which it returns. A call that would block is a BadCall. If any call fails,
  // the first error is thrown when all replies have come.
  [[nodiscard]] std::vector<Json> call_many(
      std::string_view method, const std::vector<Arguments>& calls) const;

  // A proxy can be put into a managed container; open() gets it out again.
  operator Json() const;
  // The proxy of the object that `value`, from this server, refers to. BadCall
  // if `value` is not a reference, or the object is of another type.
  template <typename T>
  [[nodiscard]] T open(const Json& value) const {
    return T(Proxy(server(), value));
  }

  [[nodiscard]] const std::string& type() const;
  [[nodiscard]] const std::string& id() const;
  [[nodiscard]] const ManagerAddress& server() const;

 protected:
  // For classes of proxies: BadCall if the object is not of this type.
  Proxy(Proxy proxy, std::string_view type);
  // call() of a method that returns a count.
  size_t count(std::string_view method, const Arguments& arguments = {}) const {
    return static_cast<size_t>(call(method, arguments).as_int());
  }
  // Like call_until(), but also writes to the event log that it waits.
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

// Closes this thread's connection to a server that has ended. Otherwise it
// would stay open until the thread ends, or calls again and gets ManagerGone.
void forget_server(const ManagerAddress& server);

}  // namespace ipc
