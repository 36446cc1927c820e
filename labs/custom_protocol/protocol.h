// A protocol of our own on a stream of bytes.
//
//   bytes  0  2   magic     "IP"
//          2  1   version   1
//          3  1   kind      see Kind
//          4  8   id        of the request; 0 in a notification
//         12  4   length    of the body, at most kMaxBody
//         16  4   checksum  of the body
//         20  4   checksum  of the 20 bytes before
//         24      body      JSON: {"action": "...", "data": {...}}
//
// Numbers have their highest byte first. The checksum is CRC-32, as in zlib and
// Ethernet. The header has one of its own: if only the body is damaged, its
// length can still be trusted, and the next message is found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"

constexpr uint8_t kVersion = 1;
constexpr size_t kHeader = 24;
constexpr uint32_t kMaxBody = 64 << 10;

enum class Kind : uint8_t { request = 1, response, notification, error };

struct Message {
  Kind kind = Kind::request;
  uint64_t id = 0;
  std::string body;
};

enum class Reading {
  ok,
  end,           // The peer has gone, after a whole message,
  cut,           // or inside one.
  bad_version,   // We know how long it is, but not what it means.
  bad_checksum,  // The body is damaged.
  too_long,      // After this, nothing can be read from the stream any more.
  bad_header,    // The same after this: the length may be wrong.
};

struct Read {
  Reading status = Reading::ok;
  Message message;
};

uint32_t crc32(std::string_view bytes);
std::string encode(const Message& message, uint8_t version = kVersion);
// Blocks until the peer has room. Errors: std::system_error, such as EPIPE.
void send(const ipc::UniqueFd& stream, const Message& message);

// Blocks until a message has come. Never allocates more than kMaxBody for it.
// Errors: std::system_error, EAGAIN after the time limit of the socket.
Read read_message(const ipc::UniqueFd& stream);

// In words, for people to read.
const char* describe(Kind kind);
const char* describe(Reading reading);
