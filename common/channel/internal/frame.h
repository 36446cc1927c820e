// The header of a message, and a queue of bytes for messages; see connection.h.
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <array>
#include <limits>
#include <string>
#include <string_view>

namespace ipc::channel_internal {

inline constexpr size_t kShortHeader = 4;
inline constexpr size_t kLongHeader = 12;

// The header of a message to be sent.
class HeaderBytes {
 public:
  explicit HeaderBytes(size_t length)
      : size_(length <= std::numeric_limits<int32_t>::max() ? kShortHeader
                                                            : kLongHeader) {
    const bool is_short = size_ == kShortHeader;
    const uint32_t first = htobe32(is_short ? static_cast<uint32_t>(length)
                                            : static_cast<uint32_t>(-1));
    const uint64_t second = htobe64(length);
    memcpy(bytes_.data(), &first, sizeof first);
    memcpy(bytes_.data() + sizeof first, &second, sizeof second);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kLongHeader> bytes_;
  size_t size_;
};

// The header of a message that is being received.
struct Header {
  size_t size = 0;     // Bytes of the header; 0 if it is not complete yet.
  int64_t length = 0;  // Bytes of the message.

  explicit Header(std::string_view bytes) {
    if (bytes.size() < kShortHeader) return;
    uint32_t short_length = 0;
    memcpy(&short_length, bytes.data(), sizeof short_length);
    length = static_cast<int32_t>(be32toh(short_length));
    if (length != -1) {
      size = kShortHeader;
    } else if (bytes.size() >= kLongHeader) {
      uint64_t long_length = 0;
      memcpy(&long_length, bytes.data() + kShortHeader, sizeof long_length);
      length = static_cast<int64_t>(be64toh(long_length));
      size = kLongHeader;
    }
  }
};

// Bytes that are added at the back and removed at the front.
class ByteQueue {
 public:
  [[nodiscard]] size_t size() const { return bytes_.size() - gone_; }
  [[nodiscard]] std::string_view view() const {
    return std::string_view(bytes_).substr(gone_);
  }
  void push(std::string_view more) {
    // Needed because the queue may never get empty. It is cheap: fewer bytes
    // are moved than have been removed.
    if (gone_ > size()) {
      bytes_.erase(0, gone_);
      gone_ = 0;
    }
    bytes_ += more;
  }
  void pop(size_t count) {
    gone_ += count;
    if (gone_ == bytes_.size()) clear();
  }
  void clear() {
    bytes_.clear();
    gone_ = 0;
  }

 private:
  std::string bytes_;
  size_t gone_ = 0;  // How many bytes at the front count as removed.
};

}  // namespace ipc::channel_internal
