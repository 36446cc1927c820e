#include <deque>
#include <utility>

#include "common/manager/internal/built_in_types.h"

namespace ipc::hosted {
namespace {

using Result = std::optional<Json>;

// A value that may be missing travels as a list of one item or none.
Json some(const Json& value) { return Json::list({value}); }
Json none() { return Json::list({}); }

class Dict : public ManagedObject {
 public:
  void each_value(const Visit& visit) const override {
    for (const auto& field : fields_) visit(field.second);
  }

  Json get(const std::string& key) const {
    const auto field = fields_.find(key);
    return field == fields_.end() ? none() : some(field->second);
  }
  void set(const std::string& key, const Json& value) { fields_[key] = value; }
  // A missing value counts as 0.
  Json add(const std::string& key, const Json& amount) {
    const auto field = fields_.find(key);
    Json sum = (field == fields_.end() ? Json(0) : field->second).plus(amount);
    return fields_[key] = std::move(sum);
  }
  bool replace(const std::string& key, const Json& old, const Json& value) {
    const auto field = fields_.find(key);
    const bool same = field != fields_.end() && field->second == old;
    if (same) field->second = value;
    return same;
  }
  bool erase(const std::string& key) { return fields_.erase(key) != 0; }
  void clear() { fields_.clear(); }
  size_t size() const { return fields_.size(); }
  Json fields() const { return Json::object(fields_); }

 private:
  std::map<std::string, Json> fields_;
};

class List : public ManagedObject {
 public:
  void each_value(const Visit& visit) const override {
    for (const Json& item : items_) visit(item);
  }

  Json get(int64_t index) const { return items_[checked(index)]; }
  void set(int64_t index, const Json& value) { items_[checked(index)] = value; }
  Json add(int64_t index, const Json& amount) {
    Json& item = items_[checked(index)];
    return item = item.plus(amount);
  }
  size_t append(const Json& value) {
    items_.push_back(value);
    return items_.size();
  }
  size_t extend(const std::vector<Json>& values) {
    items_.insert(items_.end(), values.begin(), values.end());
    return items_.size();
  }
  Json pop() {
    if (items_.empty()) return none();
    Json last = some(items_.back());
    items_.pop_back();
    return last;
  }
  void clear() { items_.clear(); }
  size_t size() const { return items_.size(); }
  Json items() const { return Json::list(items_); }

 private:
  size_t checked(int64_t index) const {
    if (index < 0 || static_cast<size_t>(index) >= items_.size()) {
      throw BadCall("there is no item " + std::to_string(index));
    }
    return static_cast<size_t>(index);
  }

  std::vector<Json> items_;
};

// A fixed number of numbers: as many as the list that it is made from.
class Array : public List {
 public:
  explicit Array(const std::vector<Json>& numbers) {
    for (const Json& number : numbers) (void)number.as_double();
    (void)extend(numbers);
  }
  void set(int64_t index, const Json& number) {
    (void)number.as_double();
    List::set(index, number);
  }
};

class Value : public ManagedObject {
 public:
  explicit Value(Json value) : value_(std::move(value)) {}
  void each_value(const Visit& visit) const override { visit(value_); }

  Json get() const { return value_; }
  void set(const Json& value) { value_ = value; }
  Json add(const Json& amount) { return value_ = value_.plus(amount); }

 private:
  Json value_;
};

class Queue : public ManagedObject {
 public:
  explicit Queue(int64_t max_items) : max_items_(max_items) {
    if (max_items < 1) throw BadCall("a queue must have room for an item");
  }
  void each_value(const Visit& visit) const override {
    for (const Json& item : items_) visit(item);
  }

  std::optional<bool> put(const Json& item) {
    if (closed_) return false;
    if (static_cast<int64_t>(items_.size()) >= max_items_) return {};
    items_.push_back(item);
    return true;
  }
  Result get() {
    if (items_.empty()) return closed_ ? Result(none()) : Result();
    Json first = some(items_.front());
    items_.pop_front();
    return first;
  }
  void close() { closed_ = true; }
  size_t size() const { return items_.size(); }

 private:
  int64_t max_items_;
  std::deque<Json> items_;
  bool closed_ = false;
};

}  // namespace

void add_data_types(ManagedTypes& types) {
  for (const char* const name : {"dict", "Namespace"}) {
    types.add<Dict>(name)
        .method("get", &Dict::get)
        .method("set", &Dict::set)
        .method("add", &Dict::add)
        .method("replace", &Dict::replace)
        .method("erase", &Dict::erase)
        .method("clear", &Dict::clear)
        .method("size", &Dict::size)
        .method("fields", &Dict::fields);
  }
  types.add<List>("list")
      .method("get", &List::get)
      .method("set", &List::set)
      .method("add", &List::add)
      .method("append", &List::append)
      .method("extend", &List::extend)
      .method("pop", &List::pop)
      .method("clear", &List::clear)
      .method("size", &List::size)
      .method("items", &List::items);
  types.add<Array, std::vector<Json>>("Array")
      .method("get", &Array::get)
      .method("set", &Array::set)
      .method("add", &Array::add)
      .method("size", &Array::size)
      .method("items", &Array::items);
  types.add<Value, Json>("Value")
      .method("get", &Value::get)
      .method("set", &Value::set)
      .method("add", &Value::add);
  types.add<Queue, int64_t>("Queue")
      .method("put", &Queue::put)
      .method("get", &Queue::get)
      .method("close", &Queue::close)
      .method("size", &Queue::size);
}

}  // namespace ipc::hosted
