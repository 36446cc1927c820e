#include "common/base/unique_fd.h"

#include <fcntl.h>

#include "common/base/errors.h"

namespace ipc {

int UniqueFd::move_up(int fd) {
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  ::close(fd);
  if (moved == -1) throw_error(error, "move a descriptor above 2");
  return moved;
}

}  // namespace ipc
