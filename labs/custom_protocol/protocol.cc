#include "labs/custom_protocol/protocol.h"

#include <span>
#include <system_error>

#include "common/base/errors.h"
#include "common/process/pipe.h"

namespace {

void append(std::string& bytes, uint64_t number, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
    bytes += static_cast<char>(number >> shift);
  }
}

uint64_t number_at(std::string_view bytes, size_t place, size_t size) {
  uint64_t number = 0;
  for (const char byte : bytes.substr(place, size)) {
    number = number << 8 | static_cast<uint8_t>(byte);
  }
  return number;
}

// Fills `bytes` from the stream. Returns ok, end or cut.
Reading read_bytes(const ipc::UniqueFd& stream, std::string& bytes) try {
  const auto all = std::as_writable_bytes(std::span(bytes));
  return ipc::read_exact(stream, all) ? Reading::ok : Reading::end;
} catch (const std::system_error& error) {
  const int number = error.code().value();
  if (number == EPROTO || number == ECONNRESET) return Reading::cut;
  throw;
}

}  // namespace

uint32_t crc32(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
    }
  }
  return ~crc;
}

std::string encode(const Message& message, uint8_t version) {
  std::string bytes = "IP";
  append(bytes, version, 1);
  append(bytes, static_cast<uint8_t>(message.kind), 1);
  append(bytes, message.id, 8);
  append(bytes, message.body.size(), 4);
  append(bytes, crc32(message.body), 4);
  append(bytes, crc32(bytes), 4);
  return bytes + message.body;
}

void send(const ipc::UniqueFd& stream, const Message& message) {
  const std::string bytes = encode(message);
  ipc::write_all(stream, std::as_bytes(std::span(bytes)));
}

Read read_message(const ipc::UniqueFd& stream) {
  std::string header(kHeader, '\0');
  const Reading got = read_bytes(stream, header);
  if (got != Reading::ok) return {got, {}};
  if (!header.starts_with("IP") ||
      number_at(header, 20, 4) != crc32(header.substr(0, 20))) {
    return {Reading::bad_header, {}};  // [header]
  }
  Message message{static_cast<Kind>(header[3]), number_at(header, 4, 8), {}};
  const uint64_t length = number_at(header, 12, 4);
  if (length > kMaxBody) return {Reading::too_long, message};  // [length]
  message.body.resize(length);
  if (length > 0 && read_bytes(stream, message.body) != Reading::ok) {
    return {Reading::cut, message};
  }
  if (header[2] != kVersion) return {Reading::bad_version, message};
  if (number_at(header, 16, 4) != crc32(message.body)) {
    return {Reading::bad_checksum, message};  // [checksum]
  }
  return {Reading::ok, message};
}

const char* describe(Kind kind) {
  switch (kind) {
    case Kind::request:
      return "request";
    case Kind::response:
      return "response";
    case Kind::notification:
      return "notification";
    case Kind::error:
      return "error";
  }
  return "message of an unknown kind";
}

const char* describe(Reading reading) {
  switch (reading) {
    case Reading::ok:
      return "ok";
    case Reading::end:
      return "end of file";
    case Reading::cut:
      return "end inside a message";
    case Reading::bad_version:
      return "bad_version";
    case Reading::bad_checksum:
      return "bad_checksum";
    case Reading::too_long:
      return "too_long";
    case Reading::bad_header:
      return "bad_header";
  }
  return "?";
}
