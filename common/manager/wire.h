// The messages between a proxy and the server of a Manager.
//
// Layout: each is one message of a Connection, and a JSON text:
//         request  [number, "object", "method", wait_ns, [arguments]]
//         reply    [number, "ok", value]
//                  [number, "timed out", null]
//                  [number, "StaleObject", "what is wrong"], or another error
//         The number ties a reply to its request, because a call that waits is
//         answered after later ones. 0 asks for no reply, except for an error.
//         The server lets the call wait for at most `wait_ns` nanoseconds: 0 is
//         not at all, -1 is without a limit. A value refers to a managed object
//         by {"@object":"id","type":"list"}.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/json.h"

namespace ipc {

// The base of all errors of calls of managed objects.
class ManagerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The server has ended, or does not answer.
class ManagerGone : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The server does not have the object: another server has made it, or all
// clients had dropped it.
class StaleObject : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The type has been registered without this method, or there is no such type.
class UnknownMethod : public ManagerError {
 public:
  using ManagerError::ManagerError;
};

// The arguments do not fit, or the state of the object does not allow the call:
// for example, a client unlocks a lock that it does not hold.
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

// Takes the parts of a request, so that callers need not copy them into one.
std::string encode_request(uint64_t number, std::string_view object,
                           std::string_view method, int64_t wait_ns,
                           const std::vector<Json>& arguments);
// JsonError for any message that does not have the form above.
Request decode_request(std::string_view message);

struct Reply {
  uint64_t number = 0;
  std::string outcome = "ok";
  Json value;
};

std::string encode(const Reply& reply);
// This trusts the server and does not check the value.
Reply decode_reply(std::string_view message);

// Makes a reply of the exception that is being handled, whatever its type, and
// throws the exception that a reply stands for.
Reply error_reply(uint64_t number);
[[noreturn]] void throw_error_of(const Reply& reply);

// How a value refers to a managed object.
struct Reference {
  std::string id;
  std::string type;
};

Json to_json(const Reference& reference);
// BadCall if the value is not a reference.
Reference to_reference(const Json& value);
// Visits all references anywhere in the value, in one pass through its text.
// BadCall if one of them has no id or no type.
void for_each_reference(const Json& value,
                        const std::function<void(const Reference&)>& visit);

}  // namespace ipc
