// A child writes more than a pipe holds, and closes it.
#include "common/process/pipe.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

int main() {
  ipc::Pipe pipe = ipc::make_pipe();
  std::vector<std::byte> bytes(100'000, std::byte{7});
  const pid_t child = ::fork();
  if (child == 0) {
    ipc::write_all(pipe.writer, bytes);
    ::_exit(0);
  }
  pipe.writer.reset();
  std::vector<std::byte> came(bytes.size());
  const bool all = ipc::read_exact(pipe.reader, came) && came == bytes;
  std::byte more{};
  const bool ended = !ipc::read_exact(pipe.reader, {&more, 1});
  ::waitpid(child, nullptr, 0);
  return all && ended ? 0 : 1;
}
