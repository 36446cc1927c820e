#include "common/channel/internal/outgoing.h"

namespace ipc::channel_internal {

Transfer Outgoing::send(Wire& wire, std::string_view message,
                        Deadline deadline) {
  const HeaderBytes header(message.size());
  Pieces pieces{header.view(), message};
  const size_t size = pieces.size();
  const Transfer status = wire.write(pieces, true, deadline);
  const size_t left = pieces.size();
  if (status != Transfer::timed_out || left == size) return status;
  unsent_.push(pieces.first);
  unsent_.push(pieces.second);
  left_ = left;
  return Transfer::partial;
}

void Outgoing::queue(std::string_view message) {
  unsent_.push(HeaderBytes(message.size()).view());
  unsent_.push(message);
}

Transfer Outgoing::flush(Wire& wire, Deadline deadline) {
  Transfer status = Transfer::ok;
  while (status == Transfer::ok && unsent() > 0) {
    Pieces pieces{unsent_.view(), {}};
    const bool begins = left_ == 0;
    if (wire.keeps_packets()) {  // One message at a time.
      const Header header(pieces.first);
      pieces = pieces.prefix(
          begins ? header.size + static_cast<size_t>(header.length) : left_);
    }
    const size_t size = pieces.size();
    status = wire.write(pieces, begins, deadline);
    const size_t left = pieces.size();
    unsent_.pop(size - left);
    if (wire.keeps_packets() && left < size) left_ = left;
  }
  // All was sent, or the peer is gone and will never read the rest.
  if (status != Transfer::timed_out) clear();
  return status;
}

void Outgoing::clear() {
  unsent_.clear();
  left_ = 0;
}

}  // namespace ipc::channel_internal
