// The objects of a server, and who keeps them.
//
// An object stays while a client uses it, or a value refers to it that is kept
// by an object that stays. A circle of those is no reason to stay. What is left
// over is looked for in small parts, between which anything may happen:
//
//   begin   what no client uses and no value may refer to is dropped; if the
//           rest is to be dropped depends on who refers to it
//   mark    look into all that is in use, and into what is referred to there
//   sweep   drop what was not met
//
// Invariant: in mark and sweep, an object that was met and may refer to others
//        has been looked into, is open, or waits in to_look_into_. Two things
//        could break that meanwhile: a client comes to use one more object,
//        which use() therefore meets, or a call changes the values of the open
//        object, so call() looks into all of them first.
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

  // Has a dict from the beginning, the root.
  ObjectTable(std::string generation, const ManagedTypes& types);

  [[nodiscard]] Caller caller(ClientId client, uint64_t number) const {
    return {client, number, find_reference_};
  }

  // Makes an object; the reference to it. UnknownMethod, or what its maker
  // throws.
  Json create(Uses& uses, const Caller& caller, const std::string& type,
              const ManagedType::Arguments& arguments);
  // StaleObject if there is none.
  [[nodiscard]] std::shared_ptr<ManagedObject> find(
      const std::string& id) const;
  [[nodiscard]] Json root() const;
  [[nodiscard]] size_t size() const { return objects_.size(); }

  // From now on the object stays for this client, until it stops or leaves.
  std::shared_ptr<ManagedObject> use(Uses& uses, const std::string& id);
  void stop_using(Uses& uses, const std::string& id);
  void leave(ClientId client, Uses uses);

  // What the object is about to be given, and may keep.
  void give(Uses& uses, ManagedObject& object,
            const ManagedType::Arguments& arguments);
  // Does a call, or returns nothing if it must wait.
  std::optional<Json> call(Uses& uses, ManagedObject& object,
                           const Caller& caller, const Request& request);

  // Goes on to look for what is left over; for a short time only.
  void collect();
  // When that makes sense.
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
  std::unordered_set<ManagedObject*> referring_;  // may_refer_.

  std::list<Uses> left_;             // By clients that have gone.
  std::vector<std::string> unused_;  // By clients, and not yet looked at.
  std::unordered_set<std::string> referred_to_;  // Unused, kept by values.
  bool values_changed_ = false;  // So that these may have become free.

  Collecting collecting_ = Collecting::nothing;
  uint64_t collection_ = 0;
  std::vector<ManagedObject*> to_look_into_;
  ManagedObject* open_ = nullptr;    // Is being looked into:
  std::vector<const Json*> values_;  // these are left of it.
  std::unordered_set<std::string> to_sweep_;
  Deadline next_collection_ = Deadline::at_ns(0);
};

// 64 random bits, as a part of a number.
std::string random_hex();

}  // namespace ipc
