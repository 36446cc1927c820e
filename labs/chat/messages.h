// What clients and server say to each other, and how it looks as bytes.
#pragma once

#include <optional>
#include <string>

enum class Kind : char {
  join = 'j',  // These three are requests, and then entries of a room.
  leave = 'l',
  say = 's',
  past = 'p',    // An entry from before the user joined.
  report = 'r',  // A request, and its answer.
  refused = 'x',
};

struct Message {
  Kind kind = Kind::say;
  std::string room = {};
  std::string text = {};
  // Set by the server: the place in the room, from 1 on, and the user's name.
  int number = 0;
  std::string sender = {};
};

std::string encode(const Message& message);
// Nothing if the bytes are not a message.
std::optional<Message> decode(const std::string& bytes);

// An entry as people read it: "Alice: Hello"; and with its place in the room:
// "[general 3] Alice: Hello".
std::string to_text(const Message& entry);
std::string to_line(const Message& entry);
