// Types of one's own for a Manager: which classes there are, and which of their
// methods may be called from outside. What is not named here cannot be called.
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
//        std::vector<ipc::Json> as an argument, and nothing as a result.
// Blocks: never. A method that may have to wait returns a std::optional, and
//        nothing if it cannot be done yet and has changed nothing. The server
//        then keeps the call and tries it again each time something changes
//        that it waits for, the oldest call first.
// More:  a class that derives from ManagedObject can also keep proxies, give up
//        a call that waits, and free what a client held that has died; any
//        other class takes no proxies. A parameter `const Caller&` is not an
//        argument: it tells who calls. The twelve types of managed.h are
//        registered in the same way.
// Ordering: the server runs one call after the other, so the class needs no
//        lock; and while a method runs, all other clients wait.
// Errors: an argument that does not fit is BadCall at the caller; what a method
//        or a constructor throws, of whatever type, is CallFailed, with the
//        text of a std::exception.
// Death: of a client: the object stays as its calls have left it, each of which
//        was done wholly or not at all.
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

// Finds the object that a value refers to; BadCall or StaleObject if none.
using FindObject =
    std::function<std::shared_ptr<ManagedObject>(const Json& reference)>;

// Who calls, for a method or a constructor that takes it.
struct Caller {
  ClientId client;
  uint64_t number;  // Of this call among those of the client.
  const FindObject& find;
};

// What the server knows of an object. A class overrides what it needs.
class ManagedObject {
 public:
  ManagedObject() = default;
  ManagedObject(const ManagedObject&) = delete;
  ManagedObject& operator=(const ManagedObject&) = delete;
  ManagedObject(ManagedObject&&) = delete;
  ManagedObject& operator=(ManagedObject&&) = delete;
  virtual ~ManagedObject() = default;

  // Visits the values that it keeps: the objects to which they refer must not
  // go as long as this one stays. A class without it takes no proxies.
  using Visit = std::function<void(const Json&)>;
  virtual void each_value(const Visit& /*visit*/) const {}

  // A client has gone: what it holds is free.
  virtual void forget(ClientId /*client*/) {}

  // The time of a call that waits is up. False if it must go on to wait all
  // the same, and will come to an end by itself.
  virtual bool give_up(const Caller& /*caller*/) { return true; }

  // Whose changes the calls of this object wait for.
  virtual const ManagedObject* waits_on() const { return this; }
  // Whether of two calls that wait the later one may be done before the first.
  virtual bool may_overtake() const { return false; }

 private:
  friend class ObjectTable;  // Whose notes these are.

  const ManagedType* type_ = nullptr;
  // Once the object may refer to others it has to be searched for them; once a
  // value may refer to it, its last client does not end it.
  bool may_refer_ = false;
  bool may_be_referred_to_ = false;
  size_t users_ = 0;   // Clients that may use it.
  uint64_t seen_ = 0;  // The collection that has met it.
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

  // A class whose constructor takes `Args`.
  template <typename T, typename... Args>
  Adder<T> add(const std::string& name) {
    ManagedType& type = types_[name];
    type.make = [](const Caller& caller, const Arguments& given) {
      return apply<Args...>(caller, given, [](auto&&... args) {
        return std::shared_ptr<ManagedObject>(
            std::make_shared<Hosted<T>>(std::forward<decltype(args)>(args)...));
      });
    };
    // What T does not override is still a member of ManagedObject.
    if constexpr (std::is_base_of_v<ManagedObject, T>) {
      type.keeps_values = !std::is_same_v<decltype(&T::each_value),
                                          decltype(&ManagedObject::each_value)>;
      type.can_be_held = !std::is_same_v<decltype(&T::forget),
                                         decltype(&ManagedObject::forget)>;
    }
    return Adder<T>(type);
  }

  // The type of that name; null if there is none.
  [[nodiscard]] const ManagedType* find(std::string_view name) const {
    const auto type = types_.find(name);
    return type == types_.end() ? nullptr : &type->second;
  }

 private:
  // Holds an object of a class that knows nothing of managers.
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
  // What is passed on as it is, is not copied.
  template <typename T>
  using Taken =
      std::conditional_t<kIsCaller<T> || std::is_same_v<T, Json>, const T&, T>;

  // Calls `function` with what is given, as the types that it takes.
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
    // In braces, so that they are taken from left to right.
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
