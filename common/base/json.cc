#include "common/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace ipc {
namespace {

constexpr std::string_view kSpace = " \t\n\r";
constexpr size_t kShownMax = 40;

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Goes through a text and calls visit(character, place, depth) for each
// bracket, comma and colon outside strings; for a bracket, depth is that
// outside it. Stops and returns true as soon as `visit` returns true.
template <typename Visit>
bool scan(std::string_view text, Visit visit) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      while (++i < text.size() && text[i] != '"') i += text[i] == '\\';
    } else if (c == '[' || c == '{') {
      if (visit(c, i, depth++)) return true;
    } else if (c == ']' || c == '}') {
      if (visit(c, i, --depth)) return true;
    } else if (c == ',' || c == ':') {
      if (visit(c, i, depth)) return true;
    }
  }
  return false;
}

// Called before the parser, which would keep a million open brackets in memory.
bool is_too_deep(std::string_view text) {
  return scan(text,
              [](char, size_t, int depth) { return depth >= Json::kMaxDepth; });
}

// The text that a JSON string, with its quotation marks, stands for.
std::string unquote(std::string_view literal) {
  if (literal.find('\\') == std::string_view::npos) {
    return std::string(literal.substr(1, literal.size() - 2));
  }
  return nlohmann::json::parse(literal).get<std::string>();
}

}  // namespace

Json::Json(double value) {
  if (!std::isfinite(value)) throw JsonError("JSON has no infinite numbers");
  text_ = nlohmann::json(value).dump();
}

Json::Json(std::string_view value) {
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  });
  if (plain) {  // It is ASCII, and nothing needs an escape.
    text_.assign(1, '"').append(value).append(1, '"');
    return;
  }
  try {
    text_ = nlohmann::json(value).dump();
  } catch (const nlohmann::json::exception&) {
    throw JsonError("a text is not UTF-8");
  }
}

Json Json::list(const std::vector<Json>& items) {
  Json list;
  list.text_ = "[";
  for (const Json& item : items) {
    if (list.text_.size() > 1) list.text_ += ',';
    list.text_ += item.text_;
  }
  list.text_ += ']';
  return list;
}

Json Json::object(const std::map<std::string, Json>& fields) {
  Json object;
  object.text_ = "{";
  for (const auto& [key, value] : fields) {
    if (object.text_.size() > 1) object.text_ += ',';
    object.text_ += Json(key).text_ + ':' + value.text_;
  }
  object.text_ += '}';
  return object;
}

Json Json::parse(std::string_view text) {
  text = trim(text);
  if (is_too_deep(text)) throw JsonError("JSON is nested too deeply");
  // The parser takes a NUL for the end of its text.
  const bool has_zero = text.find('\0') != std::string_view::npos;
  if (has_zero || !nlohmann::json::accept(text)) {
    throw JsonError("this is not JSON");
  }
  return trusted(text);
}

Json Json::trusted(std::string_view text) {
  Json json;
  json.text_ = trim(text);
  return json;
}

Json::Kind Json::kind() const {
  switch (text_.front()) {
    case 'n':
      return Kind::null;
    case 't':
    case 'f':
      return Kind::boolean;
    case '"':
      return Kind::text;
    case '[':
      return Kind::list;
    case '{':
      return Kind::object;
    default:
      return Kind::number;
  }
}

void Json::refuse(const char* wanted) const {
  std::string shown = text_.substr(0, kShownMax);
  if (shown.size() < text_.size()) shown += "...";
  throw JsonError(shown + " is not " + wanted);
}

bool Json::as_bool() const {
  if (kind() != Kind::boolean) refuse("true or false");
  return text_ == "true";
}

int64_t Json::as_int() const {
  int64_t value = 0;
  const char* const end = text_.data() + text_.size();
  const auto [stop, error] = std::from_chars(text_.data(), end, value);
  if (error != std::errc() || stop != end) refuse("a 64-bit integer");
  return value;
}

double Json::as_double() const {
  double value = 0;
  const char* const end = text_.data() + text_.size();
  const auto [stop, error] = std::from_chars(text_.data(), end, value);
  if (kind() != Kind::number || stop != end) refuse("a number");
  // If it is out of range it is too close to 0 for a double, and `value` is 0.
  return error == std::errc() ? value : 0;
}

std::string Json::as_text() const {
  if (kind() != Kind::text) refuse("a text");
  return unquote(text_);
}

// The text between the outermost brackets, cut at its commas and colons.
std::vector<std::string_view> Json::parts() const {
  std::vector<std::string_view> parts;
  const std::string_view text = text_;
  size_t begin = 1;
  (void)scan(text, [&](char c, size_t place, int depth) {
    const bool cuts = depth == 1 && (c == ',' || c == ':');
    if (!cuts && place + 1 != text.size()) return false;
    const std::string_view part = trim(text.substr(begin, place - begin));
    if (!part.empty()) parts.push_back(part);
    begin = place + 1;
    return false;
  });
  return parts;
}

std::vector<Json> Json::items() const {
  if (kind() != Kind::list) refuse("a list");
  std::vector<Json> items;
  for (const std::string_view part : parts()) items.push_back(trusted(part));
  return items;
}

std::map<std::string, Json> Json::fields() const {
  if (kind() != Kind::object) refuse("an object");
  std::map<std::string, Json> fields;
  const std::vector<std::string_view> found = parts();
  for (size_t i = 0; i + 1 < found.size(); i += 2) {
    fields[unquote(found[i])] = trusted(found[i + 1]);
  }
  return fields;
}

Json Json::at(size_t index) const {
  const std::vector<Json> found = items();
  if (index >= found.size()) throw JsonError("a list has no such item");
  return found[index];
}

Json Json::at(const std::string& key) const {
  const std::map<std::string, Json> found = fields();
  const auto field = found.find(key);
  if (field == found.end()) throw JsonError("an object has no " + key);
  return field->second;
}

Json Json::plus(const Json& other) const {
  const bool whole =
      (text_ + other.text_).find_first_of(".eE") == std::string::npos;
  int64_t sum = 0;
  if (whole && kind() == Kind::number && other.kind() == Kind::number &&
      !__builtin_add_overflow(as_int(), other.as_int(), &sum)) {
    return sum;
  }
  return as_double() + other.as_double();
}

}  // namespace ipc
