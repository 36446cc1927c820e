// dict, list, Namespace, Queue, Value, Array.
#include <deque>
#include <utility>
#include <vector>

#include "common/manager/internal/server_object.h"

namespace ipc::hosted {
namespace {

using Result = std::optional<Json>;

// A value that may be missing travels as a list of one item or none.
Json some(const Json& value) { return Json::list({value}); }
Json none() { return Json::list({}); }

class Dict : public Object {
 public:
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }
  void each_value(const Visit& visit) const override {
    for (const auto& field : fields_) visit(field.second);
  }

 private:
  Result get(const Call& call) {
    const auto field = fields_.find(call.argument(0).as_text());
    return field == fields_.end() ? none() : some(field->second);
  }
  Result set(const Call& call) {
    fields_[call.argument(0).as_text()] = call.argument(1);
    return Json();
  }
  // What is not there counts as 0.
  Result add(const Call& call) {
    const std::string key = call.argument(0).as_text();
    const auto field = fields_.find(key);
    Json sum = (field == fields_.end() ? Json(0) : field->second)
                   .plus(call.argument(1));
    return fields_[key] = std::move(sum);
  }
  Result replace(const Call& call) {
    const auto field = fields_.find(call.argument(0).as_text());
    const bool same =
        field != fields_.end() && field->second == call.argument(1);
    if (same) field->second = call.argument(2);
    return Json(same);
  }
  Result erase(const Call& call) {
    return Json(fields_.erase(call.argument(0).as_text()) != 0);
  }
  Result clear(const Call& /*call*/) {
    fields_.clear();
    return Json();
  }
  Result size(const Call& /*call*/) { return Json(fields_.size()); }
  Result fields(const Call& /*call*/) { return Json::object(fields_); }

  static const Methods<Dict> methods;
  std::map<std::string, Json> fields_;
};

const Methods<Dict> Dict::methods = {
    {"get", &Dict::get},     {"set", &Dict::set},
    {"add", &Dict::add},     {"replace", &Dict::replace},
    {"erase", &Dict::erase}, {"clear", &Dict::clear},
    {"size", &Dict::size},   {"fields", &Dict::fields},
};

class List : public Object {
 public:
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }
  void each_value(const Visit& visit) const override {
    for (const Json& item : items_) visit(item);
  }

 protected:
  size_t index(const Call& call) const {
    const int64_t index = call.argument(0).as_int();
    if (index < 0 || static_cast<size_t>(index) >= items_.size()) {
      throw BadCall("there is no item " + std::to_string(index));
    }
    return static_cast<size_t>(index);
  }
  Result get(const Call& call) { return items_[index(call)]; }
  Result set(const Call& call) {
    items_[index(call)] = call.argument(1);
    return Json();
  }
  Result add(const Call& call) {
    Json& item = items_[index(call)];
    return item = item.plus(call.argument(1));
  }
  Result append(const Call& call) {
    items_.push_back(call.argument(0));
    return Json(items_.size());
  }
  Result extend(const Call& call) {
    const std::vector<Json> more = call.argument(0).items();
    items_.insert(items_.end(), more.begin(), more.end());
    return Json(items_.size());
  }
  Result pop(const Call& /*call*/) {
    if (items_.empty()) return none();
    Json last = some(items_.back());
    items_.pop_back();
    return last;
  }
  Result clear(const Call& /*call*/) {
    items_.clear();
    return Json();
  }
  Result size(const Call& /*call*/) { return Json(items_.size()); }
  Result items(const Call& /*call*/) { return Json::list(items_); }

  static const Methods<List> methods;
  std::vector<Json> items_;
};

const Methods<List> List::methods = {
    {"get", &List::get},       {"set", &List::set},   {"add", &List::add},
    {"append", &List::append}, {"pop", &List::pop},   {"extend", &List::extend},
    {"clear", &List::clear},   {"size", &List::size}, {"items", &List::items},
};

// So many numbers and no more: those of the list that it is made of.
class Array : public List {
 public:
  explicit Array(const Json& numbers) {
    items_ = numbers.items();
    for (const Json& number : items_) (void)number.as_double();
  }
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }

 private:
  Result get(const Call& call) { return List::get(call); }
  Result set(const Call& call) {
    (void)call.argument(1).as_double();
    return List::set(call);
  }
  Result add(const Call& call) { return List::add(call); }
  Result size(const Call& call) { return List::size(call); }
  Result items(const Call& call) { return List::items(call); }

  static const Methods<Array> methods;
};

const Methods<Array> Array::methods = {
    {"get", &Array::get},   {"set", &Array::set},     {"add", &Array::add},
    {"size", &Array::size}, {"items", &Array::items},
};

class Value : public Object {
 public:
  explicit Value(Json value) : value_(std::move(value)) {}
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }
  void each_value(const Visit& visit) const override { visit(value_); }

 private:
  Result get(const Call& /*call*/) { return value_; }
  Result set(const Call& call) {
    value_ = call.argument(0);
    return Json();
  }
  Result add(const Call& call) {
    return value_ = value_.plus(call.argument(0));
  }

  static const Methods<Value> methods;
  Json value_;
};

const Methods<Value> Value::methods = {
    {"get", &Value::get},
    {"set", &Value::set},
    {"add", &Value::add},
};

class Queue : public Object {
 public:
  explicit Queue(int64_t max_items) : max_items_(max_items) {
    if (max_items < 1) throw BadCall("a queue has room for one item or more");
  }
  Result call(const Call& call) override {
    return call_method(*this, methods, call);
  }
  void each_value(const Visit& visit) const override {
    for (const Json& item : items_) visit(item);
  }

 private:
  Result put(const Call& call) {
    if (closed_) return Json(false);
    if (static_cast<int64_t>(items_.size()) >= max_items_) return {};
    items_.push_back(call.argument(0));
    return Json(true);
  }
  Result get(const Call& /*call*/) {
    if (items_.empty()) return closed_ ? Result(none()) : Result();
    Json first = some(items_.front());
    items_.pop_front();
    return first;
  }
  Result close(const Call& /*call*/) {
    closed_ = true;
    return Json();
  }
  Result size(const Call& /*call*/) { return Json(items_.size()); }

  static const Methods<Queue> methods;
  int64_t max_items_;
  std::deque<Json> items_;
  bool closed_ = false;
};

const Methods<Queue> Queue::methods = {
    {"put", &Queue::put},
    {"get", &Queue::get},
    {"close", &Queue::close},
    {"size", &Queue::size},
};

}  // namespace

std::shared_ptr<Object> make_data(const std::string& type, const Call& call) {
  if (type == "dict" || type == "Namespace") return std::make_shared<Dict>();
  if (type == "list") return std::make_shared<List>();
  if (type == "Array") return std::make_shared<Array>(call.argument(1));
  if (type == "Value") return std::make_shared<Value>(call.argument(1));
  if (type == "Queue") {
    return std::make_shared<Queue>(call.argument(1).as_int());
  }
  return nullptr;
}

}  // namespace ipc::hosted
