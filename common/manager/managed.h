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
#include <vector>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/manager/managed_sync.h"
#include "common/manager/proxy.h"

namespace ipc::managed {

// Values by key, in the order of the keys.
class Dict : public Proxy {
 public:
  explicit Dict(Proxy proxy);

  [[nodiscard]] std::optional<Json> get(std::string_view key) const;
  void set(std::string_view key, const Json& value) const;
  // Adds to a number, 0 if there is none; the sum. In the server, so that no
  // other call comes between the reading and the writing.
  Json add(std::string_view key, const Json& amount) const;
  // Sets the value if it still is what it was; whether it was.
  [[nodiscard]] bool replace(std::string_view key, const Json& old,
                             const Json& value) const;
  // False if there was none.
  bool erase(std::string_view key) const;
  void clear() const;
  [[nodiscard]] bool contains(std::string_view key) const {
    return get(key).has_value();
  }
  [[nodiscard]] size_t size() const;
  // All of it, as it was at one moment.
  [[nodiscard]] std::map<std::string, Json> fields() const;

 protected:
  Dict(Proxy proxy, std::string_view type);
};

// Named values, of which one knows beforehand which there are.
class Namespace : private Dict {
 public:
  explicit Namespace(Proxy proxy) : Dict(std::move(proxy), "Namespace") {}

  // BadCall if there is none of that name.
  [[nodiscard]] Json get(std::string_view name) const;
  using Dict::add;
  using Dict::fields;
  using Dict::open;
  using Dict::set;
  using Dict::operator Json;
};

class List : public Proxy {
 public:
  explicit List(Proxy proxy);

  [[nodiscard]] Json get(size_t index) const;
  void set(size_t index, const Json& value) const;
  Json add(size_t index, const Json& amount) const;
  // How many items there are then, in the server, whoever else appends.
  size_t append(const Json& value) const;
  size_t extend(const std::vector<Json>& values) const;
  // Takes the last item; nothing if there is none.
  std::optional<Json> pop() const;
  void clear() const;
  [[nodiscard]] size_t size() const;
  [[nodiscard]] std::vector<Json> items() const;
};

// So many numbers, from the beginning to the end.
class Array : public Proxy {
 public:
  explicit Array(Proxy proxy);

  [[nodiscard]] Json get(size_t index) const;
  void set(size_t index, const Json& number) const;
  Json add(size_t index, const Json& amount) const;
  [[nodiscard]] size_t size() const;
  [[nodiscard]] std::vector<Json> items() const;
};

class Value : public Proxy {
 public:
  explicit Value(Proxy proxy);

  [[nodiscard]] Json get() const;
  void set(const Json& value) const;
  Json add(const Json& amount) const;
};

// Blocks:   put() while there is no room, get() while there is nothing.
// Delivery: at most once: an item that was on its way to a client that dies is
//           lost with it.
class Queue : public Proxy {
 public:
  explicit Queue(Proxy proxy);

  // False if the queue is closed.
  bool put(const Json& item) const;
  // False if there was no room, or the queue is closed: it was not put.
  [[nodiscard]] bool try_put(const Json& item) const;
  [[nodiscard]] bool put_until(const Json& item, Deadline deadline) const;

  // The oldest item; nothing if the queue is closed and empty.
  [[nodiscard]] std::optional<Json> get() const;
  // The same, also nothing if none comes in time.
  [[nodiscard]] std::optional<Json> try_get() const;
  [[nodiscard]] std::optional<Json> get_until(Deadline deadline) const;

  // From here on no item comes in; who waits for one goes on.
  void close() const;
  [[nodiscard]] size_t size() const;
};

}  // namespace ipc::managed
