// The objects that live in the server of a Manager; their proxies are in
// managed.h.
//
// The server runs one call after the other, so a call is atomic without a lock.
// A call that cannot be done yet returns nothing and has changed nothing. The
// server then lets it wait and tries it again, in the order of arrival, each
// time something has changed that it waits for. So nobody ever blocks here:
//
//   call() -> a value                 the reply
//          -> nothing, may not wait   the reply "timed out"
//          -> nothing, may wait       later: call() again, or give_up()
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/json.h"
#include "common/manager/wire.h"

namespace ipc::hosted {

// A connection: one thread of one process.
using ClientId = uint64_t;

struct Call {
  ClientId client = 0;
  Request request;

  // BadCall if there are not so many.
  [[nodiscard]] const Json& argument(size_t index) const;
};

class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  Object(Object&&) = delete;
  Object& operator=(Object&&) = delete;
  virtual ~Object() = default;

  // Does the call, or returns nothing if it must wait. Throws UnknownMethod,
  // BadCall, or anything else.
  virtual std::optional<Json> call(const Call& call) = 0;

  // The time of a call that waits is up. False if it must go on to wait all
  // the same, and will come to an end by itself.
  virtual bool give_up(const Call& call);

  // A client has gone: what it holds is free. Only of those of which some are
  // held.
  virtual void forget(ClientId client);
  virtual bool may_be_held() const { return false; }

  // Whether it can tell, by each_value(), which objects it refers to.
  virtual bool may_keep_references() const { return true; }

  // Whose changes the calls of this object wait for.
  virtual const Object* waits_on() const { return this; }
  // Whether of two calls that wait the later one may be done before the first.
  virtual bool may_overtake() const { return false; }

  // Visits the values that may refer to other objects, which must not go as
  // long as this one stays.
  using Visit = std::function<void(const Json&)>;
  virtual void each_value(const Visit& visit) const;

  // The server's own notes. Once the object may refer to others it has to be
  // searched for them; once a value may refer to it, its last client does not
  // end it.
  bool may_refer = false;
  bool may_be_referred_to = false;
  size_t users = 0;   // Clients that may use it.
  uint64_t seen = 0;  // The collection that has met it.
};

// The methods of a type by name. What is not in the table cannot be called.
template <typename T>
using Methods =
    std::map<std::string_view, std::optional<Json> (T::*)(const Call&)>;

template <typename T>
std::optional<Json> call_method(T& object, const Methods<T>& methods,
                                const Call& call) {
  const auto method = methods.find(call.request.method);
  if (method == methods.end()) {
    throw UnknownMethod("there is no method " + call.request.method);
  }
  return (object.*method->second)(call);
}

// Finds the object that a value refers to, for one that is made of another.
using Find = std::function<std::shared_ptr<Object>(const Json&)>;

// Makes an object of one of the twelve types ("dict", "list", "Namespace",
// "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event",
// "Queue", "Value", "Array"); null if `type` is none of them.
std::shared_ptr<Object> make(const std::string& type, const Call& call,
                             const Find& find);
std::shared_ptr<Object> make_data(const std::string& type, const Call& call);
std::shared_ptr<Object> make_sync(const std::string& type, const Call& call,
                                  const Find& find);

}  // namespace ipc::hosted
