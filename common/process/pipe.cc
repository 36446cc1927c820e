#include "common/process/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "common/base/errors.h"
#include "common/base/wait_ready.h"
#include "common/process/signals.h"

namespace ipc {

Pipe make_pipe() {
  std::array<int, 2> fds{};
  check(::pipe2(fds.data(), O_CLOEXEC), "pipe2");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void write_all(const UniqueFd& writer, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    wait_at_gate(writer.get(), POLLOUT);
    const auto write = [&] {
      return ::write(writer.get(), bytes.data(), bytes.size());
    };
    const ssize_t size =
        check(retry([&] { return without_sigpipe(write); }), "write");
    bytes = bytes.subspan(static_cast<size_t>(size));
  }
}

bool read_exact(const UniqueFd& reader, std::span<std::byte> bytes) {
  const size_t wanted = bytes.size();
  while (!bytes.empty()) {
    wait_at_gate(reader.get(), POLLIN);
    const ssize_t size = check(
        retry([&] { return ::read(reader.get(), bytes.data(), bytes.size()); }),
        "read");
    if (size == 0) {
      if (bytes.size() == wanted) return false;
      throw_error(EPROTO, "read: the stream ended inside a message");
    }
    bytes = bytes.subspan(static_cast<size_t>(size));
  }
  return true;
}

}  // namespace ipc
