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
// Arguments and results: integers, double, bool, std::string, ipc::Json, and
//        nothing as a result. No proxies.
// Ordering: the server runs one call after the other, so the class needs no
//        lock; and while a method runs, all other clients wait.
// Errors: an argument that does not fit is BadCall at the caller; what a method
//        or a constructor throws, of whatever type, is CallFailed, with the
//        text of a std::exception.
// Death: of a client: the object stays as its calls have left it, each of which
//        was done wholly or not at all.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/json.h"
#include "common/manager/wire.h"

namespace ipc {

class ManagedTypes {
 public:
  using Arguments = std::vector<Json>;

  struct Type {
    std::function<std::shared_ptr<void>(const Arguments&)> make;
    std::map<std::string, std::function<Json(void*, const Arguments&)>,
             std::less<>>
        methods;
  };

  template <typename T>
  class Adder {
   public:
    explicit Adder(Type& type) : type_(type) {}

    // Lets clients call `function` by this name.
    template <typename Result, typename... Args>
    Adder& method(const std::string& name, Result (T::*function)(Args...)) {
      return add<Result, Args...>(name, function);
    }
    template <typename Result, typename... Args>
    Adder& method(const std::string& name,
                  Result (T::*function)(Args...) const) {
      return add<Result, Args...>(name, function);
    }

   private:
    template <typename Result, typename... Args, typename Function>
    Adder& add(const std::string& name, Function function) {
      type_.methods[name] = [function](void* object, const Arguments& given) {
        return apply<Result, Args...>(
            given, [&](const Args&... args) -> Result {
              return (static_cast<T*>(object)->*function)(args...);
            });
      };
      return *this;
    }

    Type& type_;
  };

  // A class whose constructor takes `Args`.
  template <typename T, typename... Args>
  Adder<T> add(const std::string& name) {
    Type& type = types_[name];
    type.make = [](const Arguments& given) {
      std::shared_ptr<void> object;
      (void)apply<void, std::decay_t<Args>...>(
          given, [&object](const std::decay_t<Args>&... args) {
            object = std::make_shared<T>(args...);
          });
      return object;
    };
    return Adder<T>(type);
  }

  // The type of that name; null if there is none.
  [[nodiscard]] const Type* find(std::string_view name) const {
    const auto type = types_.find(name);
    return type == types_.end() ? nullptr : &type->second;
  }

 private:
  template <typename T>
  static T from_json(const Json& value) {
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
    } else {
      static_assert(std::is_same_v<T, std::string>,
                    "arguments are numbers, bool, std::string or ipc::Json");
      return value.as_text();
    }
  }

  // Calls `function` with what is given, as the types that it takes.
  template <typename Result, typename... Args, typename Function>
  static Json apply(const Arguments& given, Function function) {
    if (given.size() != sizeof...(Args)) {
      throw BadCall("it takes " + std::to_string(sizeof...(Args)) +
                    " arguments, not " + std::to_string(given.size()));
    }
    return apply<Result, Args...>(given, function,
                                  std::index_sequence_for<Args...>());
  }
  template <typename Result, typename... Args, typename Function,
            size_t... kIndex>
  static Json apply([[maybe_unused]] const Arguments& given, Function function,
                    std::index_sequence<kIndex...> /*places*/) {
    if constexpr (std::is_void_v<Result>) {
      function(from_json<std::decay_t<Args>>(given[kIndex])...);
      return {};
    } else {
      return function(from_json<std::decay_t<Args>>(given[kIndex])...);
    }
  }

  std::map<std::string, Type, std::less<>> types_;
};

}  // namespace ipc
