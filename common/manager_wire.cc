#include "common/manager_wire.h"

#include <fmt/format.h>

#include <charconv>

namespace ipc {
namespace {

constexpr std::string_view kObjectKey = "\"@object\"";
constexpr size_t kRequestParts = 5;

uint64_t to_number(const Json& value) {
  const int64_t number = value.as_int();
  if (number < 0) throw JsonError("a number below 0");
  return static_cast<uint64_t>(number);
}

}  // namespace

std::string encode(const Request& request) {
  return fmt::format(R"([{},{},{},{},{}])", request.number,
                     Json(request.object).text(), Json(request.method).text(),
                     request.wait_ns, Json::list(request.arguments).text());
}

Request decode_request(std::string_view message) {
  const std::vector<Json> parts = Json::parse(message).items();
  if (parts.size() != kRequestParts) {
    throw JsonError("a request has five parts");
  }
  Request request{to_number(parts[0]), parts[1].as_text(), parts[2].as_text(),
                  parts[3].as_int(), parts[4].items()};
  if (request.wait_ns < Request::kForEver) throw JsonError("a negative time");
  return request;
}

std::string encode(const Reply& reply) {
  return fmt::format(R"([{},"{}",{}])", reply.number, reply.outcome,
                     reply.value.text());
}

Reply decode_reply(std::string_view message) {
  const size_t first = message.find(',');
  const size_t second = message.find(',', first + 1);
  if (message.empty() || message.back() != ']' || first < 2 ||
      second == std::string_view::npos || second < first + 3) {
    throw ManagerError("the server has sent what is no reply");
  }
  Reply reply;
  (void)std::from_chars(message.data() + 1, message.data() + first,
                        reply.number);
  reply.outcome = message.substr(first + 2, second - first - 3);
  reply.value =
      Json::trusted(message.substr(second + 1, message.size() - second - 2));
  return reply;
}

Reply error_reply(uint64_t number, const std::exception& error) {
  const auto is = [&error](auto* type) {
    return dynamic_cast<decltype(type)>(&error) != nullptr;
  };
  const char* outcome = "CallFailed";
  if (is(static_cast<const StaleObject*>(nullptr))) outcome = "StaleObject";
  if (is(static_cast<const UnknownMethod*>(nullptr))) outcome = "UnknownMethod";
  if (is(static_cast<const BadCall*>(nullptr))) outcome = "BadCall";
  if (is(static_cast<const JsonError*>(nullptr))) outcome = "BadCall";
  try {
    return {number, outcome, Json(error.what())};
  } catch (const JsonError&) {  // What it says is not UTF-8.
    return {number, outcome, Json("an error without a text")};
  }
}

void throw_error_of(const Reply& reply) {
  const std::string text = reply.value.as_text();
  if (reply.outcome == "StaleObject") throw StaleObject(text);
  if (reply.outcome == "UnknownMethod") throw UnknownMethod(text);
  if (reply.outcome == "BadCall") throw BadCall(text);
  if (reply.outcome == "CallFailed") throw CallFailed(text);
  throw ManagerError(text);
}

Json to_json(const Reference& reference) {
  return Json::object({{"@object", reference.id}, {"type", reference.type}});
}

Reference to_reference(const Json& value) {
  try {
    return {value.at("@object").as_text(), value.at("type").as_text()};
  } catch (const JsonError& error) {
    throw BadCall(std::string("no managed object: ") + error.what());
  }
}

void for_each_reference(const Json& value,
                        const std::function<void(const Reference&)>& visit) {
  if (value.text().find(kObjectKey) == std::string::npos) return;
  if (value.kind() == Json::Kind::list) {
    for (const Json& item : value.items()) for_each_reference(item, visit);
  } else if (value.kind() == Json::Kind::object) {
    const auto fields = value.fields();
    if (fields.count("@object") != 0) {
      visit(to_reference(value));
      return;
    }
    for (const auto& field : fields) for_each_reference(field.second, visit);
  }
}

}  // namespace ipc
