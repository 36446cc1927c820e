#include "common/manager/internal/object_table.h"

#include <inttypes.h>
#include <stdio.h>

#include <array>
#include <utility>

#include "common/base/random.h"
#include "common/manager/internal/built_in_types.h"

namespace ipc {

std::string random_hex() {
  std::array<char, 17> text{};
  ::snprintf(text.data(), text.size(), "%016" PRIx64,
             random_number<uint64_t>());
  return text.data();
}

ObjectTable::ObjectTable(std::string generation, const ManagedTypes& types)
    : generation_(std::move(generation)),
      types_(types),
      find_reference_([this](const Json& reference) {
        return find(to_reference(reference).id);
      }) {
  hosted::add_data_types(built_in_);
  hosted::add_sync_types(built_in_);
  const ManagedType* const dict = built_in_.find("dict");
  std::shared_ptr<ManagedObject> root = dict->make(caller(0, 0), {});
  root->type_ = dict;
  root->users_ = 1;  // The table itself, so that the root stays.
  objects_[to_reference(this->root()).id] = std::move(root);
}

Json ObjectTable::root() const {
  return to_json({generation_ + std::string(generation_.size(), '0'), "dict"});
}

Json ObjectTable::create(Uses& uses, const Caller& caller,
                         const std::string& name,
                         const ManagedType::Arguments& arguments) {
  const ManagedType* type = types_.find(name);
  if (type == nullptr) type = built_in_.find(name);
  if (type == nullptr) throw UnknownMethod("there is no type " + name);
  std::shared_ptr<ManagedObject> object = type->make(caller, arguments);
  object->type_ = type;
  give(uses, *object, arguments);
  std::string id = generation_ + random_hex();
  if (type->can_be_held) holdable_.insert(object.get());
  objects_[id] = std::move(object);
  (void)use(uses, id);
  return to_json({std::move(id), name});
}

std::shared_ptr<ManagedObject> ObjectTable::find(const std::string& id) const {
  const auto object = objects_.find(id);
  if (object != objects_.end()) return object->second;
  const bool ours = id.rfind(generation_, 0) == 0;
  throw StaleObject(ours ? "the object has been dropped"
                         : "the object is of another server");
}

std::shared_ptr<ManagedObject> ObjectTable::use(Uses& uses,
                                                const std::string& id) {
  std::shared_ptr<ManagedObject> object = find(id);
  if (uses.try_emplace(id, object.get()).second) ++object->users_;
  const bool searches =
      collecting_ == Collecting::mark || collecting_ == Collecting::sweep;
  if (searches) meet(*object);
  return object;
}

void ObjectTable::stop_using(Uses& uses, const std::string& id) {
  const auto used = uses.find(id);
  if (used == uses.end()) return;
  unuse(id, *used->second);
  uses.erase(used);
}

void ObjectTable::unuse(const std::string& id, ManagedObject& object) {
  if (--object.users_ == 0) unused_.push_back(id);
}

void ObjectTable::leave(ClientId client, Uses uses) {
  left_.push_back(std::move(uses));  // collect() does the work: it may be much.
  for (ManagedObject* const object : holdable_) object->forget(client);
}

void ObjectTable::give(Uses& uses, ManagedObject& object,
                       const ManagedType::Arguments& arguments) {
  bool refers = false;
  for (const Json& argument : arguments) {
    for_each_reference(argument, [&](const Reference& reference) {
      // Without each_value() we could not find out what the object keeps.
      if (!object.type_->keeps_values) {
        throw BadCall("an object of this type takes no proxies");
      }
      use(uses, reference.id)->may_be_referred_to_ = true;
      refers = true;
    });
  }
  // Not before all of them were found: a new object ends if one was not.
  if (!refers) return;
  object.may_refer_ = true;
  referring_.insert(&object);
}

std::optional<Json> ObjectTable::call(Uses& uses, ManagedObject& object,
                                      const Caller& caller,
                                      const Request& request) {
  const auto& methods = object.type_->methods;
  const auto method = methods.find(request.method);
  if (method == methods.end()) {
    throw UnknownMethod("there is no method " + request.method);
  }
  while (open_ == &object && !values_.empty()) look_into_value();
  // The call may replace values, and with them what the object refers to.
  values_changed_ = values_changed_ || object.may_refer_;
  std::optional<Json> value = method->second(object, caller, request.arguments);
  if (value && object.may_refer_) {
    for_each_reference(*value, [&](const Reference& reference) {
      if (objects_.count(reference.id) != 0) (void)use(uses, reference.id);
    });
  }
  return value;
}

bool ObjectTable::may_collect() const {
  return !left_.empty() || !unused_.empty() ||
         (values_changed_ && !referred_to_.empty());
}

Deadline ObjectTable::next_collection() const {
  if (collecting_ != Collecting::nothing) return Deadline::at_ns(0);
  return may_collect() ? next_collection_ : Deadline::never();
}

void ObjectTable::collect() {
  if (collecting_ == Collecting::nothing) {
    if (!may_collect() || !next_collection_.expired()) return;
    collecting_ = Collecting::begin;
  }
  const int64_t end_ns = now_ns() + kCollectStepNs;
  constexpr int kPartsPerClock = 16;
  for (int i = 1; collect_one(); ++i) {
    if (i % kPartsPerClock == 0 && now_ns() > end_ns) return;
  }
}

// Does a small part of a collection; false when it is over.
bool ObjectTable::collect_one() {
  if (collecting_ == Collecting::begin) {
    begin_one();
  } else if (collecting_ == Collecting::mark) {
    if (!mark_one()) collecting_ = Collecting::sweep;
  } else if (!to_look_into_.empty()) {
    collecting_ = Collecting::mark;  // A client has begun to use another one.
  } else if (!to_sweep_.empty()) {
    drop_unless_met(to_sweep_.extract(to_sweep_.begin()).value());
  } else {
    collecting_ = Collecting::nothing;
    next_collection_ = Deadline::after(kCollectEveryS);
    return false;
  }
  return true;
}

void ObjectTable::begin_one() {
  if (!left_.empty()) {
    Uses& uses = left_.front();
    if (uses.empty()) return left_.pop_front();
    const auto first = uses.begin();
    unuse(first->first, *first->second);
    uses.erase(first);
    return;
  }
  if (!unused_.empty()) {
    const std::string id = std::move(unused_.back());
    unused_.pop_back();
    const auto object = objects_.find(id);
    if (object == objects_.end() || object->second->users_ != 0) return;
    if (!object->second->may_be_referred_to_) return drop(id);
    referred_to_.insert(id);
    values_changed_ = true;
    return;
  }
  to_sweep_.clear();
  if (std::exchange(values_changed_, false)) to_sweep_.swap(referred_to_);
  if (to_sweep_.empty()) {
    collecting_ = Collecting::sweep;
    return;
  }
  collecting_ = Collecting::mark;
  ++collection_;
  for (ManagedObject* const object : referring_) {
    if (object->users_ != 0) meet(*object);
  }
}

// Looks into one value, or opens the next object; false if none is left.
bool ObjectTable::mark_one() {
  if (!values_.empty()) {
    look_into_value();
    return true;
  }
  open_ = nullptr;
  if (to_look_into_.empty()) return false;
  open_ = to_look_into_.back();
  to_look_into_.pop_back();
  open_->each_value([this](const Json& value) { values_.push_back(&value); });
  return true;
}

void ObjectTable::look_into_value() {
  const Json& value = *values_.back();
  values_.pop_back();
  for_each_reference(value, [this](const Reference& reference) {
    const auto object = objects_.find(reference.id);
    if (object != objects_.end()) meet(*object->second);
  });
}

void ObjectTable::meet(ManagedObject& object) {
  if (std::exchange(object.seen_, collection_) == collection_) return;
  if (object.may_refer_) to_look_into_.push_back(&object);
}

void ObjectTable::drop_unless_met(const std::string& id) {
  const auto object = objects_.find(id);
  if (object == objects_.end() || object->second->users_ != 0) return;
  if (object->second->seen_ != collection_) return drop(id);
  referred_to_.insert(id);
}

void ObjectTable::drop(const std::string& id) {
  const auto object = objects_.find(id);
  holdable_.erase(object->second.get());
  referring_.erase(object->second.get());
  // What it refers to may have become free.
  values_changed_ = values_changed_ || object->second->may_refer_;
  objects_.erase(object);
}

}  // namespace ipc
