// A JSON value, kept as its text: the same bytes are in memory and on the wire.
//
//   ipc::Json number = 42;
//   ipc::Json row = ipc::Json::list({"Item", 3, true});   // ["Item",3,true]
//   const auto value = ipc::Json::parse(untrusted_text);
//   say("{}", value.at("name").as_text());
//
// A part of a value is read only when it is asked for, so a value that a
// program only passes on costs no more than its text.
//
// Rules:  parse() takes exactly RFC 8259, in UTF-8, with lists and objects at
//         most kMaxDepth deep. If a key occurs twice, its last value counts. A
//         number too big for a double is refused. as_int() takes integers that
//         fit into 64 bits, written without a fraction or an exponent. -0 is 0.
//         Two values are equal if their texts are: 1 and 1.0 are not equal.
// Errors: JsonError if a text is not JSON or not UTF-8, if a value is not of
//         the kind that is asked for, or if a double is not finite.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ipc {

class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  static constexpr int kMaxDepth = 64;

  enum class Kind { null, boolean, number, text, list, object };

  Json() = default;  // null
  Json(bool value) : text_(value ? "true" : "false") {}
  Json(double value);
  Json(std::string_view value);
  Json(const std::string& value) : Json(std::string_view(value)) {}
  Json(const char* value) : Json(std::string_view(value)) {}
  template <typename Integer,
            typename = std::enable_if_t<std::is_integral_v<Integer>>>
  Json(Integer value) : text_(std::to_string(value)) {}

  static Json list(const std::vector<Json>& items);
  static Json object(const std::map<std::string, Json>& fields);

  // Checks all of the text, which may be any bytes.
  static Json parse(std::string_view text);

  // Does not check: for a text that parse() has accepted or this class made.
  static Json trusted(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }

  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] int64_t as_int() const;
  [[nodiscard]] double as_double() const;
  [[nodiscard]] std::string as_text() const;

  // The items of a list, and the fields of an object.
  [[nodiscard]] std::vector<Json> items() const;
  [[nodiscard]] std::map<std::string, Json> fields() const;

  // One item or one field; JsonError if it does not exist.
  [[nodiscard]] Json at(size_t index) const;
  [[nodiscard]] Json at(const std::string& key) const;

  // The sum of two numbers: an integer if both are integers and the sum fits
  // into 64 bits, a double if not.
  [[nodiscard]] Json plus(const Json& other) const;

  friend bool operator==(const Json& a, const Json& b) {
    return a.text_ == b.text_;
  }
  friend bool operator!=(const Json& a, const Json& b) { return !(a == b); }

 private:
  [[noreturn]] void refuse(const char* wanted) const;
  [[nodiscard]] std::vector<std::string_view> parts() const;

  std::string text_ = "null";
};

}  // namespace ipc
