#include "labs/chat/messages.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

// Each field ends with a newline, except the text, which may contain newlines.
std::string encode(const Message& message) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", static_cast<char>(message.kind),
                     message.number, message.room, message.sender,
                     message.text);
}

std::optional<Message> decode(const std::string& bytes) {
  std::array<std::string, 4> fields;
  size_t begin = 0;
  for (std::string& field : fields) {
    const size_t end = bytes.find('\n', begin);
    if (end == std::string::npos) return std::nullopt;
    field = bytes.substr(begin, end - begin);
    begin = end + 1;
  }
  const auto& [kind, number, room, sender] = fields;
  int value = 0;
  const char* const end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, value);
  if (kind.size() != 1 ||
      std::string_view("jlsprx").find(kind[0]) == std::string_view::npos) {
    return std::nullopt;
  }
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return Message{Kind{kind[0]}, room, bytes.substr(begin), value, sender};
}

std::string to_text(const Message& entry) {
  switch (entry.kind) {
    case Kind::join:
      return "System: " + entry.sender + " has joined the room";
    case Kind::leave:
      return "System: " + entry.sender + " has left the room" + entry.text;
    case Kind::past:
      return entry.text;
    default:
      return entry.sender + ": " + entry.text;
  }
}

std::string to_line(const Message& entry) {
  return fmt::format("[{} {}] {}", entry.room, entry.number, to_text(entry));
}
