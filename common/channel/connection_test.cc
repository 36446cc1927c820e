#include "common/channel/connection.h"

#include <endian.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/testing/test_basics.h"

// The largest block that operator new gives out.
static size_t allocation_max = std::numeric_limits<size_t>::max();

void* operator new(size_t size) {
  void* const memory = size <= allocation_max ? ::malloc(size) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { ::free(memory); }
void operator delete(void* memory, size_t) noexcept { ::free(memory); }

namespace {

using ipc::Connection;
using ipc::Deadline;
using ipc::Transfer;

// A connection, and the other end of its socket as a bare descriptor.
struct Bare {
  Connection connection;
  ipc::UniqueFd peer;
};

Bare make_bare() {
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), "socketpair");
  return {Connection(ipc::UniqueFd(fds[0])), ipc::UniqueFd(fds[1])};
}

void write_bytes(const ipc::UniqueFd& fd, std::string_view bytes) {
  ipc::write_all(fd, std::as_bytes(std::span(bytes)));
}

std::string bytes_of(std::initializer_list<unsigned> values) {
  std::string bytes;
  for (const unsigned value : values) bytes += static_cast<char>(value);
  return bytes;
}

// A header may announce more bytes than this process can allocate now.
TEST(Connection, AMessageThatFoundNoMemoryIsReceivedWhenThereIsSome) {
  Bare bare = make_bare();
  write_bytes(bare.peer, bytes_of({0, 0, 0, 3}) + "one");
  EXPECT_EQ(*bare.connection.receive(), "one");
  write_bytes(bare.peer, bytes_of({0, 1, 0, 0}));
  allocation_max = 0x10000 - 1;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW((void)bare.connection.receive_until(Deadline::at_ns(0)),
                 std::bad_alloc);
  }
  allocation_max = std::numeric_limits<size_t>::max();
  write_bytes(bare.peer, std::string(0x10000, 'B') + bytes_of({0, 0, 0, 2}));
  write_bytes(bare.peer, "ok");
  EXPECT_EQ(*bare.connection.receive(), std::string(0x10000, 'B'));
  EXPECT_EQ(*bare.connection.receive(), "ok");
}

TEST(Connection, APacketThatFoundNoMemoryIsReceivedWhenThereIsSome) {
  auto [here, there] = ipc::make_connections();
  const std::string large(100'000, 'B');
  (void)there.send(large);
  allocation_max = large.size() - 1;
  EXPECT_THROW((void)here.receive(), std::bad_alloc);
  allocation_max = std::numeric_limits<size_t>::max();
  (void)there.send("ok");
  EXPECT_EQ(*here.receive(), large);
  EXPECT_EQ(*here.receive(), "ok");
}

TEST(Connection, CarriesMessagesOfEverySizeInBothDirections) {
  auto [here, there] = ipc::make_connections();
  ipc::Process echo("echo", [end = &there, other = &here] {
    other->close();
    while (const auto message = end->receive())
      ipc::ensure(end->send(*message));
  });
  there.close();
  for (const size_t size : {0U, 1U, 65'536U, 3U << 20U}) {
    const std::string sent(size, 'x');
    EXPECT_EQ(here.send(sent), Transfer::ok);
    const auto got = here.receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, sent);
  }
  here.close();
  EXPECT_EQ(echo.join(), 0);
}

TEST(Connection, OneWayGoesFromSecondToFirst) {
  auto [reader, writer] = ipc::make_one_way_connections();
  EXPECT_EQ(writer.send("one"), Transfer::ok);
  EXPECT_EQ(writer.send(""), Transfer::ok);
  writer.close();
  EXPECT_EQ(*reader.receive(), "one");
  EXPECT_TRUE(reader.receive()) << "an empty message is a message";
  EXPECT_EQ(reader.receive().status, Transfer::closed);
}

TEST(Connection, TheLengthIsFourBytesBigEndian) {
  Bare bare = make_bare();
  EXPECT_EQ(bare.connection.send("abc"), Transfer::ok);
  std::array<char, 7> bytes{};
  ASSERT_TRUE(
      ipc::read_exact(bare.peer, std::as_writable_bytes(std::span(bytes))));
  EXPECT_EQ(std::string(bytes.data(), bytes.size()),
            bytes_of({0, 0, 0, 3}) + "abc");
}

TEST(Connection, UnderstandsTheLongFormOfALength) {
  Bare bare = make_bare();
  write_bytes(bare.peer,
              bytes_of({255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 2}));
  write_bytes(bare.peer, "ab");
  EXPECT_EQ(*bare.connection.receive(), "ab");
}

TEST(Connection, RefusesALengthThatIsNegativeOrTooLargeBeforeAllocating) {
  for (const auto& header :
       {bytes_of({255, 255, 255, 254}), bytes_of({127, 255, 255, 255}),
        bytes_of({255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}),
        bytes_of(
            {255, 255, 255, 255, 127, 255, 255, 255, 255, 255, 255, 255})}) {
    Bare bare = make_bare();
    write_bytes(bare.peer, header);
    for (int i = 0; i < 2; ++i) {  // The second call refuses it again.
      EXPECT_EQ(
          ipc::testing::error_of([&] { (void)bare.connection.receive(); }),
          EMSGSIZE);
    }
  }
}

TEST(Connection, APeerThatEndsInsideAMessageLeavesItTruncated) {
  Bare bare = make_bare();
  write_bytes(bare.peer, bytes_of({0, 0, 0, 9}) + "half");
  bare.peer.reset();
  EXPECT_EQ(bare.connection.receive().status, Transfer::truncated);
}

TEST(Connection, IsClosedAfterThePeerHasGone) {
  Bare bare = make_bare();
  bare.peer.reset();
  EXPECT_EQ(bare.connection.send("x"), Transfer::closed);
  EXPECT_EQ(bare.connection.receive().status, Transfer::closed);
}

TEST(Connection, ReceivingStopsAtTheDeadlineAndLosesNothing) {
  Bare bare = make_bare();
  const auto soon = [] { return Deadline::after(0.005); };
  EXPECT_EQ(bare.connection.receive_until(soon()).status, Transfer::timed_out);
  write_bytes(bare.peer, bytes_of({0, 0, 0}));
  EXPECT_EQ(bare.connection.receive_until(soon()).status, Transfer::timed_out);
  write_bytes(bare.peer, bytes_of({4}) + "ab");
  EXPECT_EQ(bare.connection.receive_until(soon()).status, Transfer::timed_out);
  write_bytes(bare.peer, "cd");
  EXPECT_EQ(*bare.connection.receive(), "abcd");
}

TEST(Connection, SendingStopsAtTheDeadlineAndContinuesLater) {
  auto [reader, writer] = ipc::make_one_way_connections();
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(writer.send_until(large, Deadline::after(0.005)),
            Transfer::partial);
  EXPECT_EQ(writer.send_until("not yet", Deadline::at_ns(0)),
            Transfer::timed_out);
  ipc::Process sender("sender", [end = &writer, other = &reader] {
    other->close();
    if (end->send("next") != Transfer::ok) ::_exit(1);
  });
  writer.close();
  EXPECT_EQ(*reader.receive(), large);
  EXPECT_EQ(*reader.receive(), "next");
  EXPECT_EQ(reader.receive().status, Transfer::closed);
  EXPECT_EQ(sender.join(), 0);
}

// Two ends of each kind: packets, a stream of bytes, a pipe.
std::vector<ipc::ConnectionPair> all_kinds() {
  std::vector<ipc::ConnectionPair> all;
  all.push_back(ipc::make_connections());
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), "socketpair");
  all.push_back(
      {Connection(ipc::UniqueFd(fds[0])), Connection(ipc::UniqueFd(fds[1]))});
  all.push_back(ipc::make_one_way_connections());
  std::swap(all.back().first, all.back().second);
  return all;
}

// Receives a message of which a part may not have been sent yet.
std::string receive_of(Connection& from, Connection& to) {
  const Deadline now = Deadline::at_ns(0);
  ipc::Received got = to.receive_until(now);
  while (got.status == Transfer::timed_out && from.unsent() > 0) {
    (void)from.flush_until(now);
    got = to.receive_until(now);
  }
  return got.message;
}

// A sender may take `timed_out` for "not sent" and all else for "sent": exactly
// the messages that it takes for sent arrive, in their order.
void expect_each_once(Connection& here, Connection& there, size_t size) {
  constexpr int kRefusals = 40;
  const Deadline now = Deadline::at_ns(0);
  std::deque<std::string> sent;
  int refused = 0;
  int partial = 0;
  bool took_one = false;
  for (int i = 0; refused < kRefusals; ++i) {
    const std::string message =
        std::to_string(i) + std::string(size, static_cast<char>('a' + i % 26));
    const size_t unsent = here.unsent();
    const Transfer status = here.send_until(message, now);
    if (status != Transfer::timed_out) sent.push_back(message);
    if (status == Transfer::timed_out) {
      ++refused;
      EXPECT_LE(here.unsent(), unsent) << "a part of it was kept";
    } else {
      EXPECT_EQ(here.unsent() > 0, status == Transfer::partial);
    }
    partial += status == Transfer::partial ? 1 : 0;
    if (refused == kRefusals / 2 && !std::exchange(took_one, true)) {
      EXPECT_TRUE(receive_of(here, there) == sent.front());
      sent.pop_front();
    }
  }
  if (size > 500'000) {
    EXPECT_GT(partial, 0);
  }
  for (const std::string& message : sent) {
    ASSERT_TRUE(receive_of(here, there) == message) << message.substr(0, 5);
  }
  EXPECT_EQ(there.receive_until(now).status, Transfer::timed_out);
  EXPECT_EQ(here.unsent(), 0U);
}

TEST(Connection, WhenTheTimeIsUpASenderKnowsWhetherEachMessageWasSent) {
  for (auto& [here, there] : all_kinds()) {
    for (const size_t size : {size_t{10}, size_t{3000}, size_t{700'000}}) {
      expect_each_once(here, there, size);
    }
  }
}

TEST(Connection, QueuedMessagesGoOutInTheirOrderWhenThereIsRoom) {
  auto [here, there] = ipc::make_connections();
  for (int i = 0; i < 40; ++i) {
    here.queue(std::string(100'000, static_cast<char>('a' + i % 26)));
    const Transfer status = here.flush_until(Deadline::at_ns(0));
    EXPECT_EQ(status == Transfer::ok, here.unsent() == 0);
  }
  EXPECT_GT(here.unsent(), 3'000'000U);
  for (int i = 0; i < 40; ++i) {
    auto got = there.receive_until(Deadline::at_ns(0));
    while (got.status == Transfer::timed_out) {
      (void)here.flush_until(Deadline::at_ns(0));
      got = there.receive_until(Deadline::at_ns(0));
    }
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, std::string(100'000, static_cast<char>('a' + i % 26)));
  }
  EXPECT_EQ(here.unsent(), 0U);
}

TEST(Connection, APeerThatHasGoneRaisesNoSignal) {
  for (auto& [here, there] : all_kinds()) {
    there.close();
    ipc::Process sender("sender", [end = &here] {
      ::signal(SIGPIPE, SIG_DFL);
      const std::string large(1 << 20, 'x');
      const bool closed = end->send("x") == Transfer::closed &&
                          end->send(large) == Transfer::closed;
      end->queue("x");
      const bool flushed =
          end->flush_until(Deadline::at_ns(0)) == Transfer::closed;
      ::_exit(closed && flushed ? 0 : 1);
    });
    EXPECT_EQ(sender.join(), 0);
  }
}

TEST(Connection, InAPairReceivingTakesOneMessageAndNoByteOfTheNext) {
  auto [here, there] = ipc::make_connections();
  for (const char* const message : {"one", "two", "three"}) {
    EXPECT_EQ(here.send(message), Transfer::ok);
  }
  EXPECT_EQ(*there.receive(), "one");
  EXPECT_FALSE(there.holds_message());
  ipc::Process other(
      "other", [end = &there] { ::_exit(*end->receive() == "two" ? 0 : 1); });
  EXPECT_EQ(other.join(), 0);
  EXPECT_EQ(*there.receive(), "three");
}

TEST(Connection, InAPairALongMessagePassesABufferThatIsTooSmallForIt) {
  auto [here, there] = ipc::make_connections();
  const int size_bytes = 4096;
  ipc::check(::setsockopt(here.fd(), SOL_SOCKET, SO_SNDBUF, &size_bytes,
                          sizeof size_bytes),
             "SO_SNDBUF");
  std::string large(1 << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 1000) large[i] = 'y';
  ipc::Process sender("sender", [end = &here, other = &there, large] {
    other->close();
    if (end->send(large) != Transfer::ok) ::_exit(1);
    if (end->send("next") != Transfer::ok) ::_exit(1);
  });
  here.close();
  EXPECT_EQ(*there.receive(), large);
  EXPECT_EQ(*there.receive(), "next");
  EXPECT_EQ(there.receive().status, Transfer::closed);
  EXPECT_EQ(sender.join(), 0);
}

TEST(Connection, InAPairTheRestOfAMessageIsSentBeforeTheNextOnes) {
  for (const size_t size : {70'000U, 3U << 20U}) {
    auto [here, there] = ipc::make_connections();
    const std::string large(size, 'x');
    int sent = 1;
    while (here.send_until(large, Deadline::at_ns(0)) == Transfer::ok) ++sent;
    here.queue("");
    here.queue("next");
    const auto receive = [from = &here, end = &there] {
      auto got = end->receive_until(Deadline::at_ns(0));
      while (got.status == Transfer::timed_out) {
        (void)from->flush_until(Deadline::at_ns(0));
        got = end->receive_until(Deadline::at_ns(0));
      }
      return got.message;
    };
    for (int i = 0; i < sent; ++i) ASSERT_EQ(receive(), large);
    EXPECT_EQ(receive(), "");
    EXPECT_EQ(receive(), "next");
  }
}

TEST(Connection, InAPairAPacketThatIsTooLongIsRefused) {
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds.data()),
             "socketpair");
  const ipc::UniqueFd peer(fds[0]);
  Connection here{ipc::UniqueFd(fds[1])};
  const std::string packet = bytes_of({0, 1, 0, 0}) + "begins";
  EXPECT_GT(::send(peer.get(), packet.data(), packet.size(), 0), 0);
  const std::string more(70'000, 'x');  // 65,530 bytes are left.
  EXPECT_GT(::send(peer.get(), more.data(), more.size(), 0), 0);
  EXPECT_THROW((void)here.receive(), std::system_error);
}

TEST(Connection, ReadingAheadKeepsTheBytesOfLaterMessages) {
  Bare bare = make_bare();
  bare.connection.read_ahead();
  write_bytes(bare.peer, bytes_of({0, 0, 0, 3}) + "one" +
                             bytes_of({0, 0, 0, 0}) + bytes_of({0, 0, 0, 5}) +
                             "th");
  EXPECT_FALSE(bare.connection.holds_message());
  EXPECT_EQ(*bare.connection.receive(), "one");
  EXPECT_TRUE(bare.connection.holds_message());
  EXPECT_TRUE(bare.connection.poll_until(Deadline::at_ns(0)));
  EXPECT_EQ(*bare.connection.receive(), "");
  EXPECT_FALSE(bare.connection.holds_message()) << "only a part of one";
  EXPECT_FALSE(bare.connection.poll_until(Deadline::at_ns(0)));
  EXPECT_EQ(bare.connection.receive_until(Deadline::at_ns(0)).status,
            Transfer::timed_out);
  write_bytes(bare.peer, "ree" + bytes_of({127, 255, 255, 255}));
  EXPECT_EQ(*bare.connection.receive(), "three");
  write_bytes(bare.peer, bytes_of({0, 0, 0, 1}));
  EXPECT_THROW((void)bare.connection.receive(), std::system_error);
}

TEST(Connection, ReadingAheadSaysWhetherThePeerLeftInsideAMessage) {
  for (const bool inside : {false, true}) {
    Bare bare = make_bare();
    bare.connection.read_ahead();
    write_bytes(bare.peer, bytes_of({0, 0, 0, 1}) + "a");
    if (inside) write_bytes(bare.peer, bytes_of({0, 0}));
    bare.peer.reset();
    EXPECT_EQ(*bare.connection.receive(), "a");
    EXPECT_EQ(bare.connection.receive().status,
              inside ? Transfer::truncated : Transfer::closed);
  }
}

TEST(Connection, PollReportsAMessageOrTheEnd) {
  auto [reader, writer] = ipc::make_one_way_connections();
  EXPECT_FALSE(reader.poll_until(Deadline::at_ns(0)));
  EXPECT_FALSE(reader.poll_until(Deadline::after(0.005)));
  EXPECT_EQ(writer.send("x"), Transfer::ok);
  EXPECT_TRUE(reader.poll_until(Deadline::never()));
  EXPECT_EQ(*reader.receive(), "x");
  writer.close();
  EXPECT_TRUE(reader.poll_until(Deadline::never()));
  EXPECT_EQ(reader.receive().status, Transfer::closed);
}

TEST(Connection, ASenderThatIsKilledInTheMiddleNeitherHangsNorTearsAMessage) {
  int truncated = 0;
  for (int trial = 0; trial < 100; ++trial) {
    auto [reader, writer] = ipc::make_one_way_connections();
    ipc::Process sender("sender", [end = &writer, other = &reader] {
      other->close();
      const std::string large(200'000, 'x');
      while (end->send(large) == Transfer::ok) {
      }
    });
    writer.close();
    for (int i = 0; i <= trial % 3; ++i) {
      const auto got = reader.receive();
      ASSERT_TRUE(got);
      ASSERT_EQ(got->size(), 200'000U);
    }
    sender.kill();
    auto last = reader.receive();
    while (last) last = reader.receive();
    if (last.status == Transfer::truncated) ++truncated;
    EXPECT_NE(last.status, Transfer::timed_out);
  }
  RecordProperty("truncated", truncated);
  EXPECT_GT(truncated, 0) << "no kill landed inside a message";
}

// Python's own Connection at the other end of a socket pair.
TEST(Connection, SpeaksWithPython) {
  const char* const python = "/usr/bin/python3";
  if (::access(python, X_OK) != 0) GTEST_SKIP() << "no " << python;
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), "socketpair");
  ipc::Process peer("python", [&] {
    ::close(fds[0]);
    const std::string code =
        "from multiprocessing.connection import Connection\n"
        "end = Connection(" +
        std::to_string(fds[1]) +
        ")\n"
        "try:\n"
        "    while True: end.send_bytes(end.recv_bytes())\n"
        "except EOFError: pass\n";
    ::execl(python, python, "-c", code.c_str(), nullptr);
    ::_exit(127);
  });
  ::close(fds[1]);
  Connection here{ipc::UniqueFd(fds[0])};
  for (const size_t size : {0U, 1U, 65'536U, 3U << 20U}) {
    const std::string sent(size, 'y');
    EXPECT_EQ(here.send(sent), Transfer::ok);
    const auto got = here.receive();
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, sent);
  }
  here.close();
  EXPECT_EQ(peer.join(), 0);
}

// A program that a peer starts would keep a copy of the end open, and the other
// peer would wait.
TEST(Connection, AProgramThatAPeerStartsDoesNotInheritIt) {
  const auto is_closed_on_exec = [](const ipc::ConnectionPair& ends) {
    return ::fcntl(ends.first.fd(), F_GETFD) == FD_CLOEXEC &&
           ::fcntl(ends.second.fd(), F_GETFD) == FD_CLOEXEC;
  };
  EXPECT_TRUE(is_closed_on_exec(ipc::make_connections()));
  EXPECT_TRUE(is_closed_on_exec(ipc::make_one_way_connections()));
}

}  // namespace
