#include "common/process/pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <numeric>
#include <system_error>
#include <vector>

#include "common/process/process.h"
#include "common/testing/test_basics.h"

namespace {

using Bytes = std::vector<std::byte>;

TEST(Pipe, CarriesMoreThanItHoldsInSeveralPieces) {
  ipc::Pipe pipe = ipc::make_pipe();
  Bytes sent(1'000'000);
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = std::byte(i * 7);
  ipc::Process writer("writer", [&] { ipc::write_all(pipe.writer, sent); });
  pipe.writer.reset();
  Bytes got(sent.size());
  ASSERT_TRUE(ipc::read_exact(pipe.reader, got));
  EXPECT_EQ(got, sent);
  EXPECT_FALSE(ipc::read_exact(pipe.reader, got)) << "no end of file";
  EXPECT_EQ(writer.join(), 0);
}

TEST(Pipe, EndOfFileInsideAPieceIsAnError) {
  ipc::Pipe pipe = ipc::make_pipe();
  ipc::write_all(pipe.writer, Bytes(3));
  pipe.writer.reset();
  Bytes got(4);
  EXPECT_THROW((void)ipc::read_exact(pipe.reader, got), std::system_error);
}

TEST(Pipe, WritingWithoutAReaderFailsWithEpipeAndRaisesNoSignal) {
  ::signal(SIGPIPE, SIG_DFL);
  ipc::Pipe pipe = ipc::make_pipe();
  pipe.reader.reset();
  const auto write = [&] { ipc::write_all(pipe.writer, Bytes(1)); };
  EXPECT_EQ(ipc::testing::error_of(write), EPIPE);
}

TEST(Pipe, TheStreamEndsWithTheLastCopyOfTheWriteEnd) {
  ipc::Pipe pipe = ipc::make_pipe();
  ipc::Pipe go = ipc::make_pipe();
  Bytes byte(1);
  ipc::Process holder("holder", [&] {
    go.writer.reset();
    (void)ipc::read_exact(go.reader, byte);
  });
  pipe.writer.reset();
  pollfd poll_fd{pipe.reader.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0) << "end of file came too early";
  go.writer.reset();
  EXPECT_FALSE(ipc::read_exact(pipe.reader, byte));
  EXPECT_EQ(holder.join(), 0);
}

TEST(Pipe, ItsDescriptorsAreClosedOnExec) {
  const ipc::Pipe pipe = ipc::make_pipe();
  EXPECT_EQ(::fcntl(pipe.reader.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(pipe.writer.get(), F_GETFD), FD_CLOEXEC);
}

}  // namespace
