// The proxies of the twelve types that a Manager has; after those of Python's
// multiprocessing.Manager(). Each method is one call of the server, and atomic.
//
//   ipc::managed::Dict counts = manager.dict();   // before the fork
//   counts.add("worker_1", 1);                    // in any process
//
//   not atomic:  const auto old = counts.get("worker_1");    // two calls, and
//                counts.set("worker_1", old->as_int() + 1);  // others between
//
// What get() returns is a copy: to change it changes nothing in the server. A
// proxy that is put into a container is not copied; open() gives it back.
//
// Errors: those of proxy.h, also BadCall for an index that there is not.
// Death:  a client's locks and bounded permits are free at once; the next one
//         that acquires the lock is told, see lock.h. See also proxy.h.
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
  // Adds to a number, 0 if there is none; the sum. In the server, so that no
  // other call comes between the reading and the writing.
  Json add(std::string_view key, const Json& amount) const {
    return call("add", {key, amount});
  }
  // Sets the value if it still is what it was; whether it was.
  [[nodiscard]] bool replace(std::string_view key, const Json& old,
                             const Json& value) const {
    return call("replace", {key, old, value}).as_bool();
  }
  // False if there was none.
  bool erase(std::string_view key) const {
    return call("erase", {key}).as_bool();
  }
  void clear() const { (void)call("clear"); }
  [[nodiscard]] bool contains(std::string_view key) const {
    return get(key).has_value();
  }
  [[nodiscard]] size_t size() const { return count("size"); }
  // All of it, as it was at one moment.
  [[nodiscard]] std::map<std::string, Json> fields() const {
    return call("fields").fields();
  }

 protected:
  Dict(Proxy proxy, std::string_view type) : Proxy(std::move(proxy), type) {}
};

// Named values, of which one knows beforehand which there are.
class Namespace : private Dict {
 public:
  explicit Namespace(Proxy proxy) : Dict(std::move(proxy), "Namespace") {}

  // BadCall if there is none of that name.
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

  // How many items there are then, in the server, whoever else appends.
  size_t append(const Json& value) const { return count("append", {value}); }
  size_t extend(const std::vector<Json>& values) const {
    return count("extend", {Json::list(values)});
  }
  // Takes the last item; nothing if there is none.
  std::optional<Json> pop() const { return first_of(call("pop")); }
  void clear() const { (void)call("clear"); }
};

// So many numbers, from the beginning to the end.
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

// Blocks:   put() while there is no room, get() while there is nothing.
// Delivery: at most once: an item that was on its way to a client that dies is
//           lost with it.
class Queue : public Proxy {
 public:
  explicit Queue(Proxy proxy) : Proxy(std::move(proxy), "Queue") {}

  // False if the queue is closed.
  bool put(const Json& item) const {
    return put_until(item, Deadline::never());
  }
  // False if there was no room, or the queue is closed: it was not put.
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
  // The same, also nothing if none comes in time.
  [[nodiscard]] std::optional<Json> try_get() const {
    return get_until(Deadline::at_ns(0));
  }
  [[nodiscard]] std::optional<Json> get_until(Deadline deadline) const {
    const std::optional<Json> item = wait_until(deadline, "get");
    return item ? first_of(*item) : std::nullopt;
  }

  // From here on no item comes in; who waits for one goes on.
  void close() const { (void)call("close"); }
  [[nodiscard]] size_t size() const { return count("size"); }
};

}  // namespace ipc::managed
