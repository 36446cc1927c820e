// Registers your own classes with a Manager: which classes there are, and which
// of their methods clients may call. A method that is not named cannot be
// called.
//
//   ipc::ManagedTypes types;
//   types.add<Counter>("Counter")
//       .method("increment", &Counter::increment)
//       .method("get_value", &Counter::get_value);
//   ipc::Manager manager({.types = types});
//   ipc::Proxy counter = manager.create("Counter");
//   counter.call("increment");
//
// Arguments and results: integers, double, bool, std::string, ipc::Json; also a
//        std::vector<ipc::Json> as an argument, and void as a result.
// Blocks: a method must not. One that may have to wait returns a std::optional.
//        It returns nothing if it cannot be done yet, and must have changed
//        nothing then. The server keeps such a call and tries it again each
//        time a call may have changed the object that it waits on, the oldest
//        call first.
// More:  a class that derives from ManagedObject can also keep proxies, give up
//        a call that waits, and free what a dead client held. Any other class
//        takes no proxies. A parameter `const Caller&` is not an argument: it
//        says which client calls. The twelve types of managed.h are registered
//        in the same way.
// Ordering: the server runs one call after the other, so the class needs no
//        lock; while a method runs, all other clients wait.
// Errors: an argument that does not fit is BadCall at the caller. Whatever a
//        method or a constructor throws is CallFailed at the caller, with the
//        text of a std::exception.
// Death: when a client dies, the object stays as its calls have left it. Each
//        call was done completely or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/json.h"
#include "common/manager/wire.h"

namespace ipc {

// A connection: one thread of one process.
using ClientId = uint64_t;

class ManagedObject;
struct ManagedType;

// Finds the object that a value refers to. BadCall if the value is not a
// reference, StaleObject if the object does not exist.
using FindObject =
    std::function<std::shared_ptr<ManagedObject>(const Json& reference)>;

// Says which client calls, for a method or a constructor that takes it.
struct Caller {
  ClientId client;
  uint64_t number;  // Tells apart the calls of one client.
  const FindObject& find;
};

// The base of all objects in a server. A class overrides what it needs.
class ManagedObject {
 public:
  ManagedObject() = default;
  ManagedObject(const ManagedObject&) = delete;
  ManagedObject& operator=(const ManagedObject&) = delete;
  ManagedObject(ManagedObject&&) = delete;
  ManagedObject& operator=(ManagedObject&&) = delete;
  virtual ~ManagedObject() = default;

  // Visits the values that the object keeps. The objects to which they refer
  // stay as long as this one does. A class without this function takes no
  // proxies.
  using Visit = std::function<void(const Json&)>;
  virtual void each_value(const Visit& /*visit*/) const {}

  // Called when a client has gone: frees what the client held.
  virtual void forget(ClientId /*client*/) {}

  // Called when the deadline of a waiting call has come. Returns false if the
  // call must continue to wait; it must then end by itself.
  virtual bool give_up(const Caller& /*caller*/) { return true; }

  // The object whose changes the waiting calls of this object wait for.
  virtual const ManagedObject* waits_on() const { return this; }
  // Whether a call that waits may be done before an earlier one.
  virtual bool may_overtake() const { return false; }

 private:
  friend class ObjectTable;  // It keeps its notes here.

  const ManagedType* type_ = nullptr;
  // An object that may refer to others has to be searched for references. One
  // that a value may refer to need not end with its last client.
  bool may_refer_ = false;
  bool may_be_referred_to_ = false;
  size_t users_ = 0;   // How many clients may use it.
  uint64_t seen_ = 0;  // The last collection that has met it.
};

struct ManagedType {
  using Arguments = std::vector<Json>;
  using Make = std::function<std::shared_ptr<ManagedObject>(const Caller&,
                                                            const Arguments&)>;
  using Method = std::function<std::optional<Json>(
      ManagedObject&, const Caller&, const Arguments&)>;

  Make make;
  std::map<std::string, Method, std::less<>> methods;
  bool keeps_values = false;  // It has each_value().
  bool can_be_held = false;   // It has forget().
};

class ManagedTypes {
 public:
  using Arguments = ManagedType::Arguments;

  template <typename T>
  class Adder {
   public:
    explicit Adder(ManagedType& type) : type_(type) {}

    // Lets clients call `function` by this name.
    template <typename Result, typename Base, typename... Args>
    Adder& method(const std::string& name, Result (Base::*function)(Args...)) {
      return add<Result, Args...>(name, function);
    }
    template <typename Result, typename Base, typename... Args>
    Adder& method(const std::string& name,
                  Result (Base::*function)(Args...) const) {
      return add<Result, Args...>(name, function);
    }

   private:
    template <typename Result, typename... Args, typename Function>
    Adder& add(const std::string& name, Function function) {
      type_.methods[name] = [function](
                                ManagedObject& object, const Caller& caller,
                                const Arguments& given) -> std::optional<Json> {
        const auto call = [&](auto&&... args) -> Result {
          return std::invoke(function, value_of<T>(object),
                             std::forward<decltype(args)>(args)...);
        };
        if constexpr (std::is_void_v<Result>) {
          apply<Args...>(caller, given, call);
          return Json();
        } else {
          return apply<Args...>(caller, given, call);
        }
      };
      return *this;
    }

    ManagedType& type_;
  };

  // Registers class T by this name; its constructor takes `Args`.
  template <typename T, typename... Args>
  Adder<T> add(const std::string& name) {
    ManagedType& type = types_[name];
    type.make = [](const Caller& caller, const Arguments& given) {
      return apply<Args...>(caller, given, [](auto&&... args) {
        return std::shared_ptr<ManagedObject>(
            std::make_shared<Hosted<T>>(std::forward<decltype(args)>(args)...));
      });
    };
    // A function that T does not override is a member of ManagedObject.
    if constexpr (std::is_base_of_v<ManagedObject, T>) {
      type.keeps_values = !std::is_same_v<decltype(&T::each_value),
                                          decltype(&ManagedObject::each_value)>;
      type.can_be_held = !std::is_same_v<decltype(&T::forget),
                                         decltype(&ManagedObject::forget)>;
    }
    return Adder<T>(type);
  }

  // The type of that name, or null. Valid as long as this object.
  [[nodiscard]] const ManagedType* find(std::string_view name) const {
    const auto type = types_.find(name);
    return type == types_.end() ? nullptr : &type->second;
  }

 private:
  // Holds an object of a class that does not derive from ManagedObject.
  template <typename T>
  struct Holder : ManagedObject {
    template <typename... Args>
    explicit Holder(Args&&... args) : value(std::forward<Args>(args)...) {}
    T value;
  };
  template <typename T>
  using Hosted =
      std::conditional_t<std::is_base_of_v<ManagedObject, T>, T, Holder<T>>;
  template <typename T>
  static T& value_of(ManagedObject& object) {
    if constexpr (std::is_base_of_v<ManagedObject, T>) {
      return static_cast<T&>(object);
    } else {
      return static_cast<Holder<T>&>(object).value;
    }
  }

  template <typename T>
  static constexpr bool kIsCaller = std::is_same_v<T, Caller>;
  // An argument that needs no conversion is not copied.
  template <typename T>
  using Taken =
      std::conditional_t<kIsCaller<T> || std::is_same_v<T, Json>, const T&, T>;

  // Converts the given arguments to the types of `function`, and calls it.
  template <typename... Args, typename Function>
  static auto apply(const Caller& caller, const Arguments& given,
                    Function function) {
    constexpr size_t kCount =
        (0 + ... + (kIsCaller<std::decay_t<Args>> ? 0 : 1));
    if (given.size() != kCount) {
      throw BadCall("it takes " + std::to_string(kCount) + " arguments, not " +
                    std::to_string(given.size()));
    }
    [[maybe_unused]] auto next = given.begin();
    // The braces make sure that they are taken from left to right.
    std::tuple<Taken<std::decay_t<Args>>...> taken{
        take<std::decay_t<Args>>(caller, next)...};
    return std::apply(function, std::move(taken));
  }
  template <typename T>
  static Taken<T> take(const Caller& caller, Arguments::const_iterator& next) {
    if constexpr (kIsCaller<T>) {
      return caller;
    } else {
      return from_json<T>(*next++);
    }
  }
  template <typename T>
  static Taken<T> from_json(const Json& value) {
    if constexpr (std::is_same_v<T, Json>) {
      return value;
    } else if constexpr (std::is_same_v<T, bool>) {
      return value.as_bool();
    } else if constexpr (std::is_integral_v<T>) {
      const int64_t number = value.as_int();
      if (static_cast<int64_t>(static_cast<T>(number)) != number ||
          (std::is_unsigned_v<T> && number < 0)) {
        throw BadCall(value.text() + " is out of range");
      }
      return static_cast<T>(number);
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(value.as_double());
    } else if constexpr (std::is_same_v<T, std::vector<Json>>) {
      return value.items();
    } else {
      static_assert(std::is_same_v<T, std::string>,
                    "arguments are numbers, bool, std::string or ipc::Json");
      return value.as_text();
    }
  }

  std::map<std::string, ManagedType, std::less<>> types_;
};

}  // namespace ipc
