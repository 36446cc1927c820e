// A JSON value, as its text: what goes over a wire is what is in memory.
//
//   ipc::Json number = 42;
//   ipc::Json row = ipc::Json::list({"Item", 3, true});   // ["Item",3,true]
//   const auto value = ipc::Json::parse(text_of_a_stranger);
//   say("{}", value.at("name").as_text());
//
// Nothing is read before it is asked for, so a value that only passes through
// costs no more than its text.
//
// Rules:  parse() takes RFC 8259 and no more, in UTF-8, at most kMaxDepth lists
//         and objects deep. Of a key that comes twice the last one counts. A
//         number too big for a double is refused; as_int() takes integers that
//         fit into 64 bits, written without fraction and exponent. -0 is 0.
//         Equal is equal text: 1 and 1.0 are not.
// Errors: JsonError if a text is no JSON, if a value is not of the kind that is
//         asked for, if a text is not UTF-8 or a double is not finite.
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

  // Checks all of the text, which may be anything.
  static Json parse(std::string_view text);

  // For a text that parse() has seen, or that was made here.
  static Json trusted(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }

  [[nodiscard]] bool as_bool() const;
  [[nodiscard]] int64_t as_int() const;
  [[nodiscard]] double as_double() const;
  [[nodiscard]] std::string as_text() const;

  // The parts of a list, or of an object.
  [[nodiscard]] std::vector<Json> items() const;
  [[nodiscard]] std::map<std::string, Json> fields() const;

  // One of them; JsonError if there is none.
  [[nodiscard]] Json at(size_t index) const;
  [[nodiscard]] Json at(const std::string& key) const;

  // The sum of two numbers: an integer if both are, and if that fits.
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
