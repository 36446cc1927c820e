// The objects of a server, and the clients and values that keep them.
//
// An object stays while a client uses it, or while an object that stays keeps a
// value that refers to it. A circle of references alone does not keep objects.
// A collection looks for the others in small parts, between which the server
// may do any call:
//
//   begin   drop the objects that no client uses and no value may refer to; of
//           the other unused ones, the next parts find out which to drop
//   mark    look into all objects in use, and into those that they refer to
//   sweep   drop the unused objects that were not met
//
// Invariant: in mark and sweep, an object that was met and may refer to others
//        has been looked into, is open, or waits in to_look_into_. Two things
//        could break that between two parts. A client may begin to use another
//        object: therefore use() meets it. A call may change the values of the
//        open object: therefore call() first looks into all of them.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/manager/types.h"
#include "common/manager/wire.h"

namespace ipc {

class ObjectTable {
 public:
  static constexpr double kCollectEveryS = 0.1;
  static constexpr int64_t kCollectStepNs = 1'000'000;

  // The objects that a client may use, by their ids.
  using Uses = std::unordered_map<std::string, ManagedObject*>;

  // It has one object from the beginning: the root, a dict.
  ObjectTable(std::string generation, const ManagedTypes& types);

  [[nodiscard]] Caller caller(ClientId client, uint64_t number) const {
    return {client, number, find_reference_};
  }

  // Makes an object and returns a reference to it. UnknownMethod if there is no
  // such type; also whatever its constructor throws.
  Json create(Uses& uses, const Caller& caller, const std::string& type,
              const ManagedType::Arguments& arguments);
  // StaleObject if there is no such object.
  [[nodiscard]] std::shared_ptr<ManagedObject> find(
      const std::string& id) const;
  [[nodiscard]] Json root() const;
  [[nodiscard]] size_t size() const { return objects_.size(); }

  // The object stays for this client until the client stops using it or leaves.
  std::shared_ptr<ManagedObject> use(Uses& uses, const std::string& id);
  void stop_using(Uses& uses, const std::string& id);
  void leave(ClientId client, Uses uses);

  // Notes the references in arguments that the object is about to get, because
  // it may keep them. BadCall if its type cannot.
  void give(Uses& uses, ManagedObject& object,
            const ManagedType::Arguments& arguments);
  // Does a call, or returns nothing if it must wait.
  std::optional<Json> call(Uses& uses, ManagedObject& object,
                           const Caller& caller, const Request& request);

  // Does some parts of a collection, for about kCollectStepNs.
  void collect();
  // When collect() has something to do.
  [[nodiscard]] Deadline next_collection() const;

 private:
  enum class Collecting { nothing, begin, mark, sweep };

  [[nodiscard]] bool may_collect() const;
  bool collect_one();
  void begin_one();
  bool mark_one();
  void look_into_value();
  void meet(ManagedObject& object);
  void drop_unless_met(const std::string& id);
  void drop(const std::string& id);
  void unuse(const std::string& id, ManagedObject& object);

  const std::string generation_;
  const ManagedTypes& types_;
  ManagedTypes built_in_;
  const FindObject find_reference_;
  std::unordered_map<std::string, std::shared_ptr<ManagedObject>> objects_;
  std::unordered_set<ManagedObject*> holdable_;   // Of types that can_be_held.
  std::unordered_set<ManagedObject*> referring_;  // Those with may_refer_.

  std::list<Uses> left_;             // What clients used that have gone.
  std::vector<std::string> unused_;  // No client uses these; not yet looked at.
  std::unordered_set<std::string> referred_to_;  // Unused, but kept by values.
  bool values_changed_ = false;  // Some of referred_to_ may have become free.

  Collecting collecting_ = Collecting::nothing;
  uint64_t collection_ = 0;
  std::vector<ManagedObject*> to_look_into_;
  ManagedObject* open_ = nullptr;    // The object that is being looked into.
  std::vector<const Json*> values_;  // Its values that are still to do.
  std::unordered_set<std::string> to_sweep_;
  Deadline next_collection_ = Deadline::at_ns(0);
};

// 64 random bits in hexadecimal, as a part of an id or a key.
std::string random_hex();

}  // namespace ipc
