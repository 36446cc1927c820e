#include "common/base/wait_ready.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "common/process/pipe.h"

namespace {

TEST(Ready, SaysWhichDescriptorsAreReady) {
  const ipc::Pipe full = ipc::make_pipe();
  const ipc::Pipe empty = ipc::make_pipe();
  ipc::write_all(full.writer, std::as_bytes(std::span("x", 1)));
  std::array<pollfd, 2> fds{pollfd{empty.reader.get(), POLLIN, 0},
                            pollfd{full.reader.get(), POLLIN, 0}};
  EXPECT_TRUE(ipc::wait_ready(fds, ipc::Deadline::never()));
  EXPECT_EQ(fds[0].revents, 0);
  EXPECT_EQ(fds[1].revents, POLLIN);
}

TEST(Ready, WaitsUntilTheDeadline) {
  const ipc::Pipe empty = ipc::make_pipe();
  const ipc::Deadline soon = ipc::Deadline::after(0.01);
  EXPECT_FALSE(ipc::wait_ready(empty.reader.get(), POLLIN, soon));
  EXPECT_TRUE(soon.expired());
  EXPECT_TRUE(ipc::wait_ready(empty.writer.get(), POLLOUT, soon));
}

TEST(Ready, AReadBlocksOrFailsAsItWasSet) {
  const ipc::Pipe pipe = ipc::make_pipe();
  const int fd = pipe.reader.get();
  char byte = 0;
  const int before = ::fcntl(fd, F_GETFL);
  ipc::set_blocking(fd, false);
  EXPECT_EQ(::read(fd, &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  ipc::set_blocking(fd, true);
  EXPECT_EQ(::fcntl(fd, F_GETFL), before);
  EXPECT_THROW(ipc::set_blocking(-1, true), std::system_error);
}

TEST(Ready, DoesNotWaitIfThereIsNoGate) {
  const ipc::Pipe empty = ipc::make_pipe();
  ipc::wait_at_gate(empty.reader.get(), POLLIN);
}

}  // namespace
