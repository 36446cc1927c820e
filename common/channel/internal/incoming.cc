#include "common/channel/internal/incoming.h"

#include <errno.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "common/base/errors.h"

namespace ipc::channel_internal {
namespace {

constexpr size_t kReadBytes = 64 << 10;

}  // namespace

Received Incoming::receive(const Wire& wire, Deadline deadline) {
  Transfer status = Transfer::ok;
  while (status == Transfer::ok && !begin()) {
    status = read_header(wire, deadline);
  }
  while (status == Transfer::ok && begun_->done < begun_->size_bytes) {
    status = read_body(wire, deadline);
  }
  if (status == Transfer::ok) {
    Received received{status, std::move(begun_->message)};
    begun_.reset();
    return received;
  }
  const bool inside = begun_ || held_.size() > 0;
  if (status == Transfer::closed && inside) status = Transfer::truncated;
  return {status, {}};
}

bool Incoming::holds_message() const {
  if (begun_) return begun_->done == begun_->size_bytes;
  const std::string_view held = held_.view();
  const Header header(held);
  // A length that receive() will refuse counts too. If it did not, the server
  // would not call receive() and would not learn of it.
  return header.size != 0 &&
         (!accepts(header.length) ||
          held.size() - header.size >= static_cast<size_t>(header.length));
}

void Incoming::clear() {
  held_.clear();
  begun_.reset();
}

// Begins a message if its header has come; false if the header is incomplete.
bool Incoming::begin() {
  if (!begun_) held_.pop(take(held_.view()));
  return begun_.has_value();
}

// `bytes` start with a header: begins its message with those of the bytes that
// belong to it. Returns how many bytes it took: 0 if the header is incomplete.
size_t Incoming::take(std::string_view bytes) {
  const Header header(bytes);
  if (header.size == 0) return 0;
  // Checked before any memory is allocated for the message.
  if (!accepts(header.length)) {
    throw_error(EMSGSIZE, "receive: length of a message");
  }
  const auto size = static_cast<size_t>(header.length);
  std::string message;
  message.reserve(size);  // This may fail; then no message has begun.
  message = bytes.substr(header.size, size);
  const size_t done = message.size();
  begun_ = Begun{std::move(message), size, done};
  return header.size + done;
}

// Reads one packet; or, if it reads ahead, all that has come; or else only the
// next bytes of a header.
Transfer Incoming::read_header(const Wire& wire, Deadline deadline) {
  std::array<char, kReadBytes> bytes;
  std::span<char> room = bytes;
  if (!reads_ahead_ && !wire.keeps_packets()) {
    const bool is_long = held_.size() >= kShortHeader;
    room = room.first((is_long ? kLongHeader : kShortHeader) - held_.size());
  }
  size_t size = 0;
  const Transfer status = wire.read(room, size, deadline);
  const std::string_view read(bytes.data(), size);
  // Most messages are taken at once, without being held first. Exceptions are a
  // length that is refused, and a message for which there may be no memory: the
  // next call must find these again.
  const int64_t length = Header(read).length;
  const bool at_once = held_.size() == 0 && accepts(length) &&
                       static_cast<size_t>(length) <= read.size();
  held_.push(read.substr(at_once ? take(read) : 0));
  return status;
}

// Reads more of the message that has begun.
Transfer Incoming::read_body(const Wire& wire, Deadline deadline) {
  auto& [message, size_bytes, done] = *begun_;
  const size_t room_bytes = std::min(size_bytes, done + kStepBytes);
  if (message.size() < room_bytes) message.resize(room_bytes);
  size_t size = 0;
  const Transfer status =
      wire.read(std::span(message).subspan(done), size, deadline);
  done += size;
  return status;
}

}  // namespace ipc::channel_internal
