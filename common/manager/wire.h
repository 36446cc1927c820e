// What a proxy and the server of a Manager say to each other.
//
// Layout: each message is one of a Connection, and is JSON:
//         request  [number, "object", "method", wait_ns, [arguments]]
//         reply    [number, "ok", value]
//                  [number, "timed out", null]
//                  [number, "StaleObject", "what is wrong"], or another error
//         The number ties a reply to its request: that of a call that waits
//         comes after those of later ones. 0 wants no reply. `wait_ns` is how
//         long the server may let the call wait: 0 not at all, -1 for ever.
//         A managed object inside of a value is {"@object":"id","type":"list"}.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.h"

namespace ipc {

// Why a call of a managed object has failed.
class ManagerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The server has ended, or does not answer.
class ManagerGone : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The server has no such object (any more): it is another server than the one
// that made it, or everybody had dropped it.
class StaleObject : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The method is not one of those that the type has been registered with, or
// there is no such type.
class UnknownMethod : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The arguments do not fit, or the object is not in the state for this call,
// such as a lock that is unlocked by somebody who does not hold it.
class BadCall : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The method itself has thrown.
class CallFailed : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

struct Request {
  static constexpr int64_t kForEver = -1;

  uint64_t number = 0;
  std::string object;
  std::string method;
  int64_t wait_ns = 0;
  std::vector<Json> arguments;
};

// Of its parts, for who does not have them in one.
std::string encode_request(uint64_t number, std::string_view object,
                           std::string_view method, int64_t wait_ns,
                           const std::vector<Json>& arguments);
// JsonError if it is not of the form above, whatever else it may be.
Request decode_request(std::string_view message);

struct Reply {
  uint64_t number = 0;
  std::string outcome = "ok";
  Json value;
};

std::string encode(const Reply& reply);
// This trusts the server and does not look into the value.
Reply decode_reply(std::string_view message);

// The outcome and the text of the exception that is being handled, whatever it
// is; and back.
Reply error_reply(uint64_t number);
[[noreturn]] void throw_error_of(const Reply& reply);

// How a managed object is written inside of a value.
struct Reference {
  std::string id;
  std::string type;
};

Json to_json(const Reference& reference);
// BadCall if the value is none.
Reference to_reference(const Json& value);
// Visits all that are anywhere in the value, on one way through its text.
// BadCall if one of them is none.
void for_each_reference(const Json& value,
                        const std::function<void(const Reference&)>& visit);

}  // namespace ipc
