#include "common/manager/managed.h"

#include <utility>

namespace ipc::managed {
namespace {

// A value that may be missing travels as a list of one item or none.
std::optional<Json> first_of(const Json& list) {
  std::vector<Json> items = list.items();
  if (items.empty()) return std::nullopt;
  return std::move(items.front());
}

}  // namespace

Dict::Dict(Proxy proxy) : Dict(std::move(proxy), "dict") {}
Dict::Dict(Proxy proxy, std::string_view type) : Proxy(std::move(proxy)) {
  require_type(type);
}

std::optional<Json> Dict::get(std::string_view key) const {
  return first_of(call("get", {key}));
}
void Dict::set(std::string_view key, const Json& value) const {
  (void)call("set", {key, value});
}
Json Dict::add(std::string_view key, const Json& amount) const {
  return call("add", {key, amount});
}
bool Dict::replace(std::string_view key, const Json& old,
                   const Json& value) const {
  return call("replace", {key, old, value}).as_bool();
}
bool Dict::erase(std::string_view key) const {
  return call("erase", {key}).as_bool();
}
void Dict::clear() const { (void)call("clear"); }
size_t Dict::size() const { return static_cast<size_t>(call("size").as_int()); }
std::map<std::string, Json> Dict::fields() const {
  return call("fields").fields();
}

Json Namespace::get(std::string_view name) const {
  if (auto value = Dict::get(name)) return *value;
  throw BadCall("there is no " + std::string(name));
}

List::List(Proxy proxy) : Proxy(std::move(proxy)) { require_type("list"); }

Json List::get(size_t index) const { return call("get", {index}); }
void List::set(size_t index, const Json& value) const {
  (void)call("set", {index, value});
}
Json List::add(size_t index, const Json& amount) const {
  return call("add", {index, amount});
}
size_t List::append(const Json& value) const {
  return static_cast<size_t>(call("append", {value}).as_int());
}
size_t List::extend(const std::vector<Json>& values) const {
  return static_cast<size_t>(call("extend", {Json::list(values)}).as_int());
}
std::optional<Json> List::pop() const { return first_of(call("pop")); }
void List::clear() const { (void)call("clear"); }
size_t List::size() const { return static_cast<size_t>(call("size").as_int()); }
std::vector<Json> List::items() const { return call("items").items(); }

Array::Array(Proxy proxy) : Proxy(std::move(proxy)) { require_type("Array"); }

Json Array::get(size_t index) const { return call("get", {index}); }
void Array::set(size_t index, const Json& number) const {
  (void)call("set", {index, number});
}
Json Array::add(size_t index, const Json& amount) const {
  return call("add", {index, amount});
}
size_t Array::size() const {
  return static_cast<size_t>(call("size").as_int());
}
std::vector<Json> Array::items() const { return call("items").items(); }

Value::Value(Proxy proxy) : Proxy(std::move(proxy)) { require_type("Value"); }

Json Value::get() const { return call("get"); }
void Value::set(const Json& value) const { (void)call("set", {value}); }
Json Value::add(const Json& amount) const { return call("add", {amount}); }

Queue::Queue(Proxy proxy) : Proxy(std::move(proxy)) { require_type("Queue"); }

bool Queue::put(const Json& item) const {
  return put_until(item, Deadline::never());
}
bool Queue::try_put(const Json& item) const {
  return put_until(item, Deadline::at_ns(0));
}
bool Queue::put_until(const Json& item, Deadline deadline) const {
  const std::optional<Json> open = wait_until(deadline, "put", {item});
  return open && open->as_bool();
}
std::optional<Json> Queue::get() const { return get_until(Deadline::never()); }
std::optional<Json> Queue::try_get() const {
  return get_until(Deadline::at_ns(0));
}
std::optional<Json> Queue::get_until(Deadline deadline) const {
  const std::optional<Json> item = wait_until(deadline, "get");
  return item ? first_of(*item) : std::nullopt;
}
void Queue::close() const { (void)call("close"); }
size_t Queue::size() const {
  return static_cast<size_t>(call("size").as_int());
}

}  // namespace ipc::managed
