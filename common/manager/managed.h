// The proxies of the twelve types that a Manager has, modelled on those of
// Python's multiprocessing.Manager(). Each method is one atomic call to the
// server, and blocks until the server has replied.
//
//   ipc::managed::Dict counts = manager.dict();   // before the fork
//   counts.add("worker_1", 1);                    // in any process
//
//   not atomic:  const auto old = counts.get("worker_1");    // Two calls:
//                counts.set("worker_1", old->as_int() + 1);  // others between
//
// get() returns a copy: changing it changes nothing in the server. A proxy in a
// container is not copied: it still refers to its object, and open() returns a
// proxy of that object.
//
// Errors: those of proxy.h; also BadCall for an index that does not exist.
// Death:  when a client dies, its locks and bounded permits become free at
//         once. The next owner of a lock learns of the death, as in lock.h. See
//         also proxy.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/manager/managed_sync.h"
#include "common/manager/proxy.h"

namespace ipc::managed {

// A value that may be missing travels as a list of one item or none.
inline std::optional<Json> first_of(const Json& list) {
  std::vector<Json> items = list.items();
  if (items.empty()) return std::nullopt;
  return std::move(items.front());
}

// Values by key, in the order of the keys.
class Dict : public Proxy {
 public:
  explicit Dict(Proxy proxy) : Proxy(std::move(proxy), "dict") {}

  [[nodiscard]] std::optional<Json> get(std::string_view key) const {
    return first_of(call("get", {key}));
  }
  void set(std::string_view key, const Json& value) const {
    (void)call("set", {key, value});
  }
  // Adds to a number, which counts as 0 if the key is missing; returns the sum.
  // The server does it, so that no other call comes between read and write.
  Json add(std::string_view key, const Json& amount) const {
    return call("add", {key, amount});
  }
  // Sets the value if it still equals `old`; returns whether it did.
  [[nodiscard]] bool replace(std::string_view key, const Json& old,
                             const Json& value) const {
    return call("replace", {key, old, value}).as_bool();
  }
  // False if there was no such key.
  bool erase(std::string_view key) const {
    return call("erase", {key}).as_bool();
  }
  void clear() const { (void)call("clear"); }
  [[nodiscard]] bool contains(std::string_view key) const {
    return get(key).has_value();
  }
  [[nodiscard]] size_t size() const { return count("size"); }
  // All keys and values, as they were at one moment.
  [[nodiscard]] std::map<std::string, Json> fields() const {
    return call("fields").fields();
  }

 protected:
  Dict(Proxy proxy, std::string_view type) : Proxy(std::move(proxy), type) {}
};

// Values whose names the program knows beforehand.
class Namespace : private Dict {
 public:
  explicit Namespace(Proxy proxy) : Dict(std::move(proxy), "Namespace") {}

  // BadCall if there is no value of that name.
  [[nodiscard]] Json get(std::string_view name) const {
    if (auto value = Dict::get(name)) return *value;
    throw BadCall("there is no " + std::string(name));
  }
  using Dict::add;
  using Dict::fields;
  using Dict::open;
  using Dict::set;
  using Dict::operator Json;
};

// What List and Array have in common.
class Items : public Proxy {
 public:
  [[nodiscard]] Json get(size_t index) const { return call("get", {index}); }
  void set(size_t index, const Json& value) const {
    (void)call("set", {index, value});
  }
  Json add(size_t index, const Json& amount) const {
    return call("add", {index, amount});
  }
  [[nodiscard]] size_t size() const { return count("size"); }
  [[nodiscard]] std::vector<Json> items() const {
    return call("items").items();
  }

 protected:
  Items(Proxy proxy, std::string_view type) : Proxy(std::move(proxy), type) {}
};

class List : public Items {
 public:
  explicit List(Proxy proxy) : Items(std::move(proxy), "list") {}

  // Both return how many items the list has then, also if others append too.
  size_t append(const Json& value) const { return count("append", {value}); }
  size_t extend(const std::vector<Json>& values) const {
    return count("extend", {Json::list(values)});
  }
  // Takes the last item; returns nothing if the list is empty.
  std::optional<Json> pop() const { return first_of(call("pop")); }
  void clear() const { (void)call("clear"); }
};

// Numbers whose count is fixed when the array is made.
class Array : public Items {
 public:
  explicit Array(Proxy proxy) : Items(std::move(proxy), "Array") {}
};

class Value : public Proxy {
 public:
  explicit Value(Proxy proxy) : Proxy(std::move(proxy), "Value") {}

  [[nodiscard]] Json get() const { return call("get"); }
  void set(const Json& value) const { (void)call("set", {value}); }
  Json add(const Json& amount) const { return call("add", {amount}); }
};

// Blocks:   put() while the queue is full, get() while it is empty.
// Delivery: at most once: an item that is on its way to a client is lost if
//           that client dies.
class Queue : public Proxy {
 public:
  explicit Queue(Proxy proxy) : Proxy(std::move(proxy), "Queue") {}

  // False if the queue is closed.
  bool put(const Json& item) const {
    return put_until(item, Deadline::never());
  }
  // False if there was no room, or the queue is closed: the item was not put.
  [[nodiscard]] bool try_put(const Json& item) const {
    return put_until(item, Deadline::at_ns(0));
  }
  [[nodiscard]] bool put_until(const Json& item, Deadline deadline) const {
    const std::optional<Json> open = wait_until(deadline, "put", {item});
    return open && open->as_bool();
  }

  // The oldest item; nothing if the queue is closed and empty.
  [[nodiscard]] std::optional<Json> get() const {
    return get_until(Deadline::never());
  }
  // Like get(), but also return nothing if no item comes in time.
  [[nodiscard]] std::optional<Json> try_get() const {
    return get_until(Deadline::at_ns(0));
  }
  [[nodiscard]] std::optional<Json> get_until(Deadline deadline) const {
    const std::optional<Json> item = wait_until(deadline, "get");
    return item ? first_of(*item) : std::nullopt;
  }

  // After this no item can be put. Items in the queue can still be taken; calls
  // that wait for one return nothing.
  void close() const { (void)call("close"); }
  [[nodiscard]] size_t size() const { return count("size"); }
};

}  // namespace ipc::managed
