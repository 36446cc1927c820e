#include "common/manager/wire.h"

#include <algorithm>
#include <charconv>

namespace ipc {
namespace {

constexpr std::string_view kObjectKey = "\"@object\"";
constexpr std::string_view kTypeKey = "\"type\"";
constexpr size_t kRequestParts = 5;
constexpr size_t kRoomBytes = 64;  // For the numbers and the punctuation.

// Whether a text needs no escapes in JSON and no check that it is UTF-8.
bool is_plain(std::string_view text) {
  bool plain = true;  // No early exit, so that the compiler can vectorize it.
  for (const char c : text) {
    plain &= (c >= ' ') & (c <= '~') & (c != '"') & (c != '\\');
  }
  return plain;
}

void append_text(std::string& text, std::string_view value) {
  if (is_plain(value)) {
    text += '"';
    text += value;
    text += '"';
  } else {
    text += Json(value).text();
  }
}

// Takes a request apart without a parser, if it is written as encode_request()
// does it and its names are plain. The arguments are parsed as usual.
class Usual {
 public:
  explicit Usual(std::string_view text) : rest_(text) {}

  // False if the request does not look like that: it may still be valid.
  bool take(Request& request) {
    int64_t number = 0;
    const bool usual = take('[') && take(number) && number >= 0 && take(',') &&
                       take(request.object) && take(',') &&
                       take(request.method) && take(',') &&
                       take(request.wait_ns) && take(',') && !rest_.empty() &&
                       rest_.back() == ']';
    if (!usual) return false;
    request.number = static_cast<uint64_t>(number);
    rest_.remove_suffix(1);
    if (rest_ == "[]") return true;
    // Json would not count the list that the arguments are in.
    const auto opened = std::count_if(rest_.begin(), rest_.end(), [](char c) {
      return c == '[' || c == '{';
    });
    if (opened >= Json::kMaxDepth) return false;
    try {
      request.arguments = Json::parse(rest_).items();
    } catch (const JsonError&) {
      return false;
    }
    return true;
  }

 private:
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(int64_t& number) {
    const char* const end = rest_.data() + rest_.size();
    const auto [stop, error] = std::from_chars(rest_.data(), end, number);
    if (error != std::errc()) return false;
    const auto size = static_cast<size_t>(stop - rest_.data());
    // JSON allows no leading zeros. The caller checks what follows the number.
    const bool zero_first = size > 1 && rest_.front() == '0';
    const bool minus_zero = size > 1 && rest_.front() == '-' && rest_[1] == '0';
    rest_.remove_prefix(size);
    return !zero_first && !minus_zero;
  }
  bool take(std::string& text) {
    if (!take('"')) return false;
    const size_t size = rest_.find('"');
    if (size == std::string_view::npos) return false;
    text = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return is_plain(text);
  }

  std::string_view rest_;
};

// Goes once through a text that is valid JSON. It makes no copies of the parts:
// a part at depth n would be copied n times.
class ReferenceSearch {
 public:
  using Visit = std::function<void(const Reference&)>;

  ReferenceSearch(std::string_view text, const Visit& visit)
      : text_(text), visit_(visit) {}

  void run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        take(take_text());
      } else if (c == '{' || c == '[') {
        take(text_.substr(at_++, 1));
        open_.push_back({c == '{', {}, {}, {}});
      } else if (c == '}' || c == ']') {
        ++at_;
        close();
      } else if (std::string_view(",: \t\n\r").find(c) !=
                 std::string_view::npos) {
        ++at_;
        if (c == ',' && !open_.empty()) open_.back().key = {};
      } else {
        const size_t end =
            std::min(text_.find_first_of(",]} \t\n\r", at_), text_.size());
        take(text_.substr(at_, end - at_));
        at_ = end;
      }
    }
  }

 private:
  // A list or an object that has begun, and the parts of a reference in it.
  struct Open {
    bool is_object;
    std::string_view key;  // The last one, if its value has not come yet.
    std::string_view id;
    std::string_view type;
  };

  // The text includes its quotation marks.
  std::string_view take_text() {
    const size_t begin = at_++;
    while (text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // Takes a key or a value. The first character of a list or object is enough.
  void take(std::string_view token) {
    if (open_.empty() || !open_.back().is_object) return;
    Open& object = open_.back();
    if (object.key.empty()) {
      object.key = token;
    } else if (is(object.key, kObjectKey)) {
      object.id = token;
    } else if (is(object.key, kTypeKey)) {
      object.type = token;
    }
  }

  void close() {
    const Open object = open_.back();
    open_.pop_back();
    if (object.id.empty()) return;
    if (object.id.front() != '"' || object.type.empty() ||
        object.type.front() != '"') {
      throw BadCall("a reference to a managed object needs an id and a type");
    }
    visit_({Json::trusted(object.id).as_text(),
            Json::trusted(object.type).as_text()});
  }

  static bool is(std::string_view key, std::string_view wanted) {
    if (key.find('\\') == std::string_view::npos) return key == wanted;
    return Json(Json::trusted(key).as_text()).text() == wanted;
  }

  std::string_view text_;
  const Visit& visit_;
  size_t at_ = 0;
  std::vector<Open> open_;
};

uint64_t to_number(const Json& value) {
  const int64_t number = value.as_int();
  if (number < 0) throw JsonError("the number of a request is below 0");
  return static_cast<uint64_t>(number);
}

}  // namespace

std::string encode_request(uint64_t number, std::string_view object,
                           std::string_view method, int64_t wait_ns,
                           const std::vector<Json>& arguments) {
  std::string text;
  text.reserve(kRoomBytes + object.size() + method.size());
  text += '[';
  text += std::to_string(number);
  text += ',';
  append_text(text, object);
  text += ',';
  append_text(text, method);
  text += ',';
  text += std::to_string(wait_ns);
  text += ",[";
  for (const Json& argument : arguments) {
    if (text.back() != '[') text += ',';
    text += argument.text();
  }
  text += "]]";
  return text;
}

Request decode_request(std::string_view message) {
  Request request;
  if (!Usual(message).take(request)) {
    const std::vector<Json> parts = Json::parse(message).items();
    if (parts.size() != kRequestParts) {
      throw JsonError("a request must have five parts");
    }
    request = {to_number(parts[0]), parts[1].as_text(), parts[2].as_text(),
               parts[3].as_int(), parts[4].items()};
  }
  if (request.wait_ns < Request::kForEver) throw JsonError("wait_ns below -1");
  return request;
}

std::string encode(const Reply& reply) {
  std::string text;
  text.reserve(kRoomBytes + reply.value.text().size());
  text += '[';
  text += std::to_string(reply.number);
  text += ",\"";
  text += reply.outcome;
  text += "\",";
  text += reply.value.text();
  text += ']';
  return text;
}

Reply decode_reply(std::string_view message) {
  const size_t first = message.find(',');
  const size_t second = message.find(',', first + 1);
  if (message.empty() || message.back() != ']' || first < 2 ||
      second == std::string_view::npos || second < first + 3) {
    throw ManagerError("the server has sent something other than a reply");
  }
  Reply reply;
  (void)std::from_chars(message.data() + 1, message.data() + first,
                        reply.number);
  reply.outcome = message.substr(first + 2, second - first - 3);
  reply.value =
      Json::trusted(message.substr(second + 1, message.size() - second - 2));
  return reply;
}

Reply error_reply(uint64_t number) {
  const auto with = [number](const char* outcome, const std::exception& error) {
    try {
      return Reply{number, outcome, Json(error.what())};
    } catch (const JsonError&) {  // Its text is not UTF-8.
      return Reply{number, outcome, Json("an error whose text is not UTF-8")};
    }
  };
  try {
    throw;
  } catch (const StaleObject& error) {
    return with("StaleObject", error);
  } catch (const UnknownMethod& error) {
    return with("UnknownMethod", error);
  } catch (const BadCall& error) {
    return with("BadCall", error);
  } catch (const JsonError& error) {
    return with("BadCall", error);
  } catch (const std::exception& error) {
    return with("CallFailed", error);
  } catch (...) {
    return {number, "CallFailed", "an exception other than std::exception"};
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
  } catch (const JsonError&) {
    throw BadCall("the value is not a reference to a managed object");
  }
}

void for_each_reference(const Json& value,
                        const std::function<void(const Reference&)>& visit) {
  const std::string_view text = value.text();
  // Most values have no reference. A key may be written with escapes, too.
  const bool may_have = text.find(kObjectKey) != std::string_view::npos ||
                        text.find("\\u") != std::string_view::npos;
  if (may_have) ReferenceSearch(text, visit).run();
}

}  // namespace ipc
