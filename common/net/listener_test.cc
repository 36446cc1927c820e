#include "common/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/testing/test_basics.h"
#include "common/testing/test_faults.h"

namespace {

// Whether the other end of a path seems to this process to be another user's.
bool peers_are_strangers = false;

}  // namespace

// Replaces the C library's: a test cannot be two users everywhere.
extern "C" int getsockopt(int fd, int level, int name, void* value,
                          socklen_t* size) noexcept {
  const auto result =
      static_cast<int>(::syscall(SYS_getsockopt, fd, level, name, value, size));
  if (result == 0 && peers_are_strangers && level == SOL_SOCKET &&
      name == SO_PEERCRED) {
    static_cast<ucred*>(value)->uid = ::geteuid() + 1;
  }
  return result;
}

namespace {

using ipc::Address;
using ipc::Connection;
using ipc::Deadline;
using ipc::Listener;
using ipc::Protocol;
using ipc::Transfer;
using ipc::testing::error_of;
using ipc::testing::limit;
using ipc::testing::open_fd_count;

constexpr const char* kAnyPort = "127.0.0.1:0";
constexpr const char* kPeer = "common/net/python_peer.py";

// IPC_LABS_PYTHON names another Python than the system's.
const char* python_path() {
  const char* const path = ::getenv("IPC_LABS_PYTHON");
  return path != nullptr ? path : "/usr/bin/python3";
}

void echo(Connection peer) {
  while (const auto message = peer.receive()) {
    if (peer.send(*message) != Transfer::ok) return;
  }
}

// Runs the Python peer; read_line() returns what it prints.
class Python {
 public:
  Python(const std::string& role, const std::string& address,
         const std::string& key)
      : pipe_(open_pipe()), process_("python", [&] {
          ::dup2(pipe_[1], 1);
          ::execl(python_path(), "python3", "-I", kPeer, role.c_str(),
                  address.c_str(), key.empty() ? nullptr : key.c_str(),
                  nullptr);
          ::_exit(127);
        }) {
    ::close(pipe_[1]);
  }
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;
  Python(Python&&) = delete;
  Python& operator=(Python&&) = delete;
  ~Python() { ::close(pipe_[0]); }

  std::string read_line() {
    std::string line;
    char byte = 0;
    while (ipc::retry([&] { return ::read(pipe_[0], &byte, 1); }) == 1 &&
           byte != '\n') {
      line += byte;
    }
    return line;
  }
  int join() { return process_.join(); }

 private:
  static std::array<int, 2> open_pipe() {
    std::array<int, 2> fds{};
    ipc::check(::pipe2(fds.data(), O_CLOEXEC), "pipe2");
    return fds;
  }

  std::array<int, 2> pipe_;
  ipc::Process process_;
};

bool have_python() { return ::access(python_path(), X_OK) == 0; }

// Since 3.12 it knows SHA-256.
bool python_is_modern() {
  ipc::Process python("python", [] {
    ::execl(python_path(), "python3", "-I", "-c",
            "import sys; sys.exit(sys.version_info < (3, 12))", nullptr);
    ::_exit(127);
  });
  return python.join() == 0;
}

// A field of /proc/self/status in KiB.
int64_t status_kib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) {
      return std::stoll(line.substr(field.size() + 1));
    }
  }
  return 0;
}

// A bare socket that is connected to `address`, for peers that misbehave.
ipc::UniqueFd connect_bare(const Address& address) {
  const ipc::SocketAddress place = ipc::resolve(address).front();
  ipc::UniqueFd fd(ipc::check(
      ::socket(place.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  ipc::check(::connect(fd.get(), place.get(), place.size), "connect");
  return fd;
}

void send_bare(const ipc::UniqueFd& fd, std::string_view bytes) {
  // It is no error here if the listener has hung up already.
  (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

// Reads until the other side has hung up; false if it does not.
bool read_to_end(const ipc::UniqueFd& fd) {
  const timeval limit{static_cast<time_t>(20 * ipc::time_scale()) + 1, 0};
  ipc::check(
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit),
      "setsockopt SO_RCVTIMEO");
  std::array<char, 512> bytes{};
  ssize_t size = 0;
  do {
    size = ipc::retry(
        [&] { return ::read(fd.get(), bytes.data(), bytes.size()); });
  } while (size > 0);
  return size == 0 || errno == ECONNRESET;
}

// Lets `listener` work until `done`; no peer may come out.
void work_until(Listener& listener, const std::function<bool()>& done) {
  const Deadline deadline = limit();
  pollfd poll_fd{listener.fd(), POLLIN, 0};
  while (!done()) {
    ASSERT_FALSE(deadline.expired());
    ASSERT_FALSE(listener.try_accept());
    (void)::poll(&poll_fd, 1, 10);
  }
}

// A good client in its own process, which exits with 0 if it was served.
ipc::Process good_client(const Listener& listener) {
  return {"good client", [&listener] {
            Connection server =
                ipc::connect(listener.address(), {.key = "secret"});
            ipc::ensure(server.send("hello"));
            const auto answer = server.receive();
            ::_exit(answer && *answer == "hello" ? 0 : 1);
          }};
}

void expect_good_client_served(Listener& listener) {
  ipc::Process client = good_client(listener);
  auto peer = listener.accept_until(limit());
  ASSERT_TRUE(peer) << "the good client was not served";
  echo(std::move(*peer));
  EXPECT_EQ(client.join(), 0);
}

std::string exchange_with_python(const std::string& address,
                                 const std::string& key) {
  Listener listener(Address(address),
                    {.key = key, .protocol = Protocol::python_md5});
  Python python("client", listener.address().text(), key);
  auto peer = listener.accept_until(limit());
  if (!peer) return "no client came";
  echo(std::move(*peer));
  return python.read_line();
}

TEST(Listener, EchoesToPythonsClientWithAndWithoutKey) {
  if (!have_python()) GTEST_SKIP() << "no " << python_path();
  const ipc::TempDir folder;
  EXPECT_EQ(exchange_with_python(kAnyPort, ""), "echoed 4");
  EXPECT_EQ(exchange_with_python(kAnyPort, "secret"), "echoed 4");
  EXPECT_EQ(exchange_with_python(folder.file("socket"), ""), "echoed 4");
  EXPECT_EQ(exchange_with_python(folder.file("socket"), "secret"), "echoed 4");
}

int echoes_of_pythons_listener(const std::string& address,
                               const std::string& key) {
  Python python("listener", address, key);
  Connection server = ipc::connect_until(
      Address(python.read_line()),
      {.key = key, .protocol = Protocol::python_md5}, limit());
  int count = 0;
  for (const size_t size : {0U, 1U, 65'536U, 3U << 20U}) {
    const std::string sent(size, 'y');
    if (server.send(sent) != Transfer::ok) break;
    const auto got = server.receive();
    if (got && *got == sent) ++count;
  }
  server.close();
  EXPECT_EQ(python.join(), 0);
  return count;
}

TEST(Client, IsEchoedByPythonsListenerWithAndWithoutKey) {
  if (!have_python()) GTEST_SKIP() << "no " << python_path();
  const ipc::TempDir folder;
  EXPECT_EQ(echoes_of_pythons_listener(kAnyPort, ""), 4);
  EXPECT_EQ(echoes_of_pythons_listener(kAnyPort, "secret"), 4);
  EXPECT_EQ(echoes_of_pythons_listener(folder.file("socket"), ""), 4);
  EXPECT_EQ(echoes_of_pythons_listener(folder.file("socket"), "secret"), 4);
}

TEST(Listener, TakesMd5OnlyWhenAskedTo) {
  if (!have_python()) GTEST_SKIP() << "no " << python_path();
  Listener listener(Address(kAnyPort),
                    {.key = "secret", .protocol = Protocol::python});
  Python python("client", listener.address().text(), "secret");
  if (python_is_modern()) {
    auto peer = listener.accept_until(limit());
    ASSERT_TRUE(peer);
    echo(std::move(*peer));
    EXPECT_EQ(python.read_line(), "echoed 4");
  } else {
    work_until(listener, [&] { return listener.dropped_count() == 1; });
    EXPECT_EQ(python.read_line(), "AuthenticationError");
  }
}

TEST(Listener, AndPythonRefuseEachOthersKeyIfItIsWrong) {
  if (!have_python()) GTEST_SKIP() << "no " << python_path();
  Listener listener(Address(kAnyPort),
                    {.key = "secret", .protocol = Protocol::python_md5});
  Python client("client", listener.address().text(), "Secret");
  work_until(listener, [&] { return listener.dropped_count() == 1; });
  EXPECT_EQ(client.read_line(), "AuthenticationError");

  Python server("listener", kAnyPort, "Secret");
  const Address address(server.read_line());
  EXPECT_EQ(error_of([&] {
              (void)ipc::connect_until(
                  address, {.key = "secret", .protocol = Protocol::python_md5},
                  limit());
            }),
            EACCES);
  EXPECT_EQ(server.read_line(), "AuthenticationError");
}

TEST(Listener, AndClientMeetByTcpAndByPath) {
  const ipc::TempDir folder;
  for (const std::string& address :
       {std::string(kAnyPort), std::string("[::1]:0"), folder.file("socket")}) {
    for (const std::string key : {"", "secret"}) {
      std::optional<Listener> listener;
      try {
        listener.emplace(Address(address), ipc::ListenerOptions{.key = key});
      } catch (const std::system_error& error) {
        if (address.front() != '[') throw;
        continue;  // A machine without IPv6.
      }
      ipc::Process client("client", [&] {
        Connection server = ipc::connect(listener->address(), {.key = key});
        for (const size_t size : {0U, 1U, 65'536U, 3U << 20U}) {
          const std::string sent(size, 'y');
          ipc::ensure(server.send(sent));
          const auto got = server.receive();
          if (!got || *got != sent) ::_exit(1);
        }
        ::_exit(0);
      });
      echo(listener->accept());
      EXPECT_EQ(client.join(), 0) << address;
    }
  }
}

TEST(Listener, LetsNoPeerInThatHasAnotherKey) {
  Listener listener(Address(kAnyPort), {.key = "secret"});
  ipc::Process client("client", [&] {
    for (const std::string key : {"Secret", "secret ", "s"}) {
      const int error = error_of(
          [&] { (void)ipc::connect(listener.address(), {.key = key}); });
      if (error != EACCES) ::_exit(1);
    }
    (void)ipc::connect(listener.address(), {.key = "secret"});
    ::_exit(0);
  });
  (void)listener.accept();
  EXPECT_EQ(listener.dropped_count(), 3U);
  EXPECT_EQ(client.join(), 0);
}

TEST(Listener, AndClientOfDifferentProtocolsPartAtOnce) {
  for (const Protocol theirs : {Protocol::python, Protocol::ours}) {
    const Protocol ours =
        theirs == Protocol::ours ? Protocol::python : Protocol::ours;
    Listener listener(Address(kAnyPort), {.key = "secret", .protocol = theirs});
    ipc::Process client("client", [&] {
      const int error = error_of([&] {
        (void)ipc::connect(listener.address(),
                           {.key = "secret", .protocol = ours});
      });
      ::_exit(error == EACCES ? 0 : 1);
    });
    work_until(listener, [&] { return listener.dropped_count() == 1; });
    EXPECT_EQ(client.join(), 0);
  }
}

// R24: 64 peers that say nothing, and 64 that say a byte now and then.
TEST(Listener, ServesAGoodClientBesideManyThatTakeTheirTime) {
  Listener listener(Address(kAnyPort),
                    {.key = "secret", .incomplete_max_s = 1000});
  std::vector<ipc::UniqueFd> peers;
  for (int i = 0; i < 128; ++i) {
    peers.push_back(connect_bare(listener.address()));
  }
  for (int i = 0; i < 64; ++i) send_bare(peers[i], std::string(1, '\0'));
  work_until(listener, [&] { return listener.incomplete_count() == 128; });
  for (int i = 0; i < 64; ++i) send_bare(peers[i], std::string(1, '\0'));
  expect_good_client_served(listener);
  EXPECT_EQ(listener.incomplete_count(), 128U)
      << "the slow peers are no longer waiting";
}

TEST(Listener, DropsPeersThatTakeTooLong) {
  const int before = open_fd_count();
  {
    Listener listener(Address(kAnyPort),
                      {.key = "secret", .incomplete_max_s = 0.05});
    std::vector<ipc::UniqueFd> peers;
    for (int i = 0; i < 128; ++i) {
      peers.push_back(connect_bare(listener.address()));
    }
    work_until(listener, [&] {
      // A byte in time does not buy more time.
      for (int i = 0; i < 64; ++i) send_bare(peers[i], std::string(1, '\0'));
      return listener.dropped_count() == 128;
    });
    EXPECT_EQ(listener.incomplete_count(), 0U);
    for (const auto& peer : peers) EXPECT_TRUE(read_to_end(peer));
    expect_good_client_served(listener);
  }
  EXPECT_EQ(open_fd_count(), before);
}

TEST(Listener, DropsTheOldestOfTooManyIncompletePeers) {
  Listener listener(
      Address(kAnyPort),
      {.key = "secret", .incomplete_max = 8, .incomplete_max_s = 1000});
  std::vector<ipc::UniqueFd> peers;
  for (int i = 0; i < 20; ++i) {
    peers.push_back(connect_bare(listener.address()));
  }
  work_until(listener, [&] { return listener.dropped_count() == 12; });
  EXPECT_EQ(listener.incomplete_count(), 8U);
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(read_to_end(peers[i]));
  expect_good_client_served(listener);
}

// R23: a length is looked at before anything is allocated for it.
TEST(Listener, RefusesALengthThatNoHandshakeHas) {
  using std::string_literals::operator""s;
  Listener listener(Address(kAnyPort),
                    {.key = "secret", .incomplete_max_s = 1000});
  const int64_t before_kib = status_kib("VmPeak");
  uint64_t count = 0;
  for (const std::string& header :
       {"\x7f\xff\xff\xff"s, "\xff\xff\xff\xfe"s, "\x80\0\0\0"s, "\0\0\1\1"s,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s,
        "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff"s}) {
    const auto peer = connect_bare(listener.address());
    send_bare(peer, header);
    ++count;
    work_until(listener, [&] { return listener.dropped_count() == count; });
  }
  // The longest that is allowed, and then nothing.
  const auto silent = connect_bare(listener.address());
  send_bare(silent, "\0\0\1\0"s);
  work_until(listener, [&] { return listener.incomplete_count() == 1; });
  EXPECT_LE(status_kib("VmPeak") - before_kib, 1024);
  expect_good_client_served(listener);
}

TEST(Listener, LimitsTheMessagesOfPeersThatWereLetIn) {
  Listener listener(Address(kAnyPort), {.key = "secret", .max_bytes = 1000});
  ipc::Process client("client", [&] {
    Connection server = ipc::connect(listener.address(), {.key = "secret"});
    ipc::ensure(server.send(std::string(1000, 'x')));
    ipc::ensure(server.send(std::string(1001, 'x')));
    (void)server.receive();
    ::_exit(0);
  });
  Connection peer = listener.accept();
  EXPECT_EQ(peer.receive()->size(), 1000U);
  EXPECT_EQ(error_of([&] { (void)peer.receive(); }), EMSGSIZE);
  peer.close();
  EXPECT_EQ(client.join(), 0);
}

// R22: whatever strangers send, it harms only themselves.
TEST(Listener, OutlivesGarbage) {
  const ipc::TempDir folder;
  std::mt19937 random(20'261'122);
  for (const Protocol protocol : {Protocol::ours, Protocol::python_md5}) {
    Listener listener(Address(folder.file("socket")),
                      {.key = "secret", .protocol = protocol});
    const int fds_before = open_fd_count();
    const int64_t kib_before = status_kib("VmRSS");
    for (uint64_t i = 0; i < 2000; ++i) {
      const auto peer = connect_bare(listener.address());
      std::string bytes;
      if (random() % 2 == 0) {
        // A frame that is well made, with anything in it.
        bytes = {0, 0, 0, static_cast<char>(random() % 100)};
      }
      for (unsigned size = random() % 200; size > 0; --size) {
        bytes += static_cast<char>(random());
      }
      send_bare(peer, bytes);
      ::shutdown(peer.get(), SHUT_WR);
      while (listener.dropped_count() == i) {
        ASSERT_FALSE(listener.try_accept());
      }
    }
    EXPECT_EQ(listener.incomplete_count(), 0U);
    EXPECT_EQ(open_fd_count(), fds_before);
    EXPECT_LE(status_kib("VmRSS") - kib_before, 10 * 1024);
  }
}

// R25: an attacker without the key stands between the two, lures the client,
// and forwards whatever either side says.
bool relay_gets_in(Protocol protocol) {
  Listener listener(Address(kAnyPort), {.key = "secret", .protocol = protocol});
  Listener rogue{Address(kAnyPort)};
  ipc::Process client("client", [&] {
    (void)error_of([&] {
      (void)ipc::connect(rogue.address(),
                         {.key = "secret", .protocol = protocol});
    });
    ::_exit(0);
  });
  ipc::Process relay("relay", [&] {
    Connection lured = rogue.accept();
    Connection server = ipc::connect(listener.address());
    while (true) {
      const auto challenge = server.receive();
      if (!challenge) ::_exit(0);
      ipc::ensure(lured.send(*challenge));
      const auto answer = lured.receive();
      if (!answer) ::_exit(0);
      ipc::ensure(server.send(*answer));
      // Python's goes on with the roles exchanged, which is forwarded as
      // easily.
      if (protocol == Protocol::python) {
        ipc::ensure(lured.send(*server.receive()));
        ipc::ensure(server.send(*lured.receive()));
      }
    }
  });
  while (listener.dropped_count() == 0) {
    if (listener.accept_until(Deadline::after(0.01))) return true;
  }
  return false;
}

TEST(Listener, RefusesARelayThatPythonsProtocolLetsIn) {
  EXPECT_FALSE(relay_gets_in(Protocol::ours));
  EXPECT_TRUE(relay_gets_in(Protocol::python))
      << "the attack that labs/authentication shows";
}

TEST(Listener, HangsUpOnAnotherUserThatComesByAPath) {
  const ipc::TempDir folder;
  Listener listener(Address(folder.file("socket")));
  ipc::Process stranger("stranger", [&] {
    Connection server = ipc::connect(listener.address());
    ::_exit(server.receive().status == Transfer::closed ? 0 : 1);
  });
  peers_are_strangers = true;
  work_until(listener, [&] { return listener.dropped_count() == 1; });
  peers_are_strangers = false;
  EXPECT_EQ(listener.dropped_count(), 1U);
  EXPECT_EQ(stranger.join(), 0);
}

TEST(Connect, RefusesAListenerOfAnotherUserAtAPath) {
  const ipc::TempDir folder;
  const Listener listener(Address(folder.file("socket")));
  peers_are_strangers = true;
  const int error = error_of([&] { ipc::connect(listener.address()); });
  peers_are_strangers = false;
  EXPECT_EQ(error, EACCES);
  EXPECT_EQ(error_of([&] { ipc::connect(listener.address()); }), 0);
}

TEST(Listener, MakesItsSocketPrivateToItsUser) {
  const ipc::TempDir folder;
  const Listener listener(Address(folder.file("socket")));
  struct stat info {};
  ASSERT_EQ(::stat(folder.file("socket").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(Listener, RefusesAFolderInWhichOthersMayReplaceItsSocket) {
  const ipc::TempDir folder;
  const auto error_with_mode = [&](mode_t mode) {
    ::chmod(folder.path().c_str(), mode);
    return error_of([&] { Listener(Address(folder.file("socket"))); });
  };
  EXPECT_EQ(error_with_mode(0777), EPERM);
  EXPECT_EQ(error_with_mode(0770), EPERM);
  EXPECT_EQ(error_with_mode(01777), 0);
  EXPECT_EQ(error_with_mode(0755), 0);
  EXPECT_EQ(error_with_mode(0700), 0);
}

TEST(Listener, UnlinksItsPathAndNoOther) {
  const ipc::TempDir folder;
  const std::string path = folder.file("socket");
  std::optional<Listener> listener(Address{path});
  EXPECT_EQ(error_of([&] { Listener{Address(path)}; }), EADDRINUSE);
  EXPECT_TRUE(std::filesystem::exists(path))
      << "the second listener has removed the path of the first";
  ipc::Process child("child", [&] {
    listener.reset();
    ::_exit(std::filesystem::exists(path) ? 0 : 1);
  });
  EXPECT_EQ(child.join(), 0);
  listener.reset();
  EXPECT_FALSE(std::filesystem::exists(path));

  listener.emplace(Address{path});
  std::filesystem::remove(path);
  const Listener other{Address(path)};
  listener.reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Listener, ServesFromAChildAfterItsParentHasLeft) {
  const ipc::TempDir folder;
  const std::string path = folder.file("socket");
  Listener listener(Address{path}, {.key = "secret"});
  (void)listener.try_accept();  // The parent has its epoll instance already.
  ipc::Process server("server", [&] {
    echo(listener.accept());
    listener.close();
    ::_exit(std::filesystem::exists(path) ? 1 : 0);
  });
  listener.leave();
  EXPECT_TRUE(std::filesystem::exists(path));
  {
    Connection here = ipc::connect(listener.address(), {.key = "secret"});
    ipc::ensure(here.send("hello"));
    EXPECT_EQ(*here.receive(), "hello");
  }
  EXPECT_EQ(server.join(), 0);
}

TEST(Listener, HasItsOwnIncompletePeersInEachProcess) {
  Listener listener(Address(kAnyPort), {.key = "secret", .incomplete_max = 1});
  const auto peer = connect_bare(listener.address());
  work_until(listener, [&] { return listener.incomplete_count() == 1; });
  send_bare(peer, std::string(1, '\0'));
  pollfd poll_fd{listener.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&poll_fd, 1, -1), 1);
  ipc::Process child("child", [&] {
    pollfd child_fd{listener.fd(), POLLIN, 0};
    ::_exit(::poll(&child_fd, 1, 0));
  });
  EXPECT_EQ(child.join(), 0) << "it has an event of its parent's peer";

  // A copy of the peer's socket in a child does not keep the peer waiting.
  const ipc::Process holder("holder", [] { ::pause(); });
  const auto next = connect_bare(listener.address());
  work_until(listener, [&] { return listener.dropped_count() == 1; });
  EXPECT_TRUE(read_to_end(peer));
}

TEST(Listener, ThatIsKilledLeavesItsPathButNoPeerWaiting) {
  const ipc::TempDir folder;
  const Address address(folder.file("socket"));
  auto [told, tell] = ipc::make_one_way_connections();
  ipc::Process server("server", [&, end = &tell] {
    Listener listener(address, {.key = "secret"});
    ipc::ensure(end->send("ready"));
    const auto peer = listener.accept();
    ::pause();
  });
  ASSERT_TRUE(told.receive());
  Connection peer = ipc::connect(address, {.key = "secret"});
  server.kill();
  EXPECT_EQ(peer.receive().status, Transfer::closed);
  server.join();
  EXPECT_EQ(error_of([&] { (void)ipc::connect(address); }), ECONNREFUSED);
  EXPECT_EQ(error_of([&] { Listener{address}; }), EADDRINUSE);
}

// R35: in a child, because the limit holds for the whole process.
TEST(Listener, WaitsForADescriptorWithoutBeingBusy) {
  Listener listener{Address(kAnyPort)};
  ipc::Process server("server", [&] {
    (void)listener.fd();
    const int used = open_fd_count();
    const rlimit few{static_cast<rlim_t>(used) + 8,
                     static_cast<rlim_t>(used) + 8};
    ipc::check(::setrlimit(RLIMIT_NOFILE, &few), "setrlimit");
    std::vector<Connection> peers;
    timespec before{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    while (auto peer = listener.accept_until(Deadline::after(0.5))) {
      peers.push_back(std::move(*peer));
    }
    timespec after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    const double cpu_s =
        static_cast<double>(after.tv_sec - before.tv_sec) +
        static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9;
    if (peers.empty()) ::_exit(1);
    if (cpu_s > 0.25) ::_exit(2);
    peers.clear();
    if (!listener.accept_until(limit())) ::_exit(3);
    ::_exit(0);
  });
  std::vector<ipc::UniqueFd> flood;
  for (int i = 0; i < 40; ++i)
    flood.push_back(connect_bare(listener.address()));
  EXPECT_EQ(server.join(), 0);
}

TEST(Listener, MakesRoomForAGoodClientWhenNoDescriptorIsLeft) {
  Listener listener(Address(kAnyPort),
                    {.key = "secret", .incomplete_max_s = 1000});
  ipc::Process server("server", [&] {
    (void)listener.fd();
    const int used = open_fd_count();
    const rlimit few{static_cast<rlim_t>(used) + 8,
                     static_cast<rlim_t>(used) + 8};
    ipc::check(::setrlimit(RLIMIT_NOFILE, &few), "setrlimit");
    auto peer = listener.accept_until(limit());
    if (!peer) ::_exit(1);
    echo(std::move(*peer));
    ::_exit(0);
  });
  std::vector<ipc::UniqueFd> flood;
  for (int i = 0; i < 40; ++i)
    flood.push_back(connect_bare(listener.address()));
  ipc::Process client = good_client(listener);
  EXPECT_EQ(client.join(), 0);
  EXPECT_EQ(server.join(), 0);
}

TEST(Client, GivesUpAtTheDeadline) {
  const auto try_until = [](const Address& address, const std::string& key) {
    return error_of([&] {
      (void)ipc::connect_until(address, {.key = key}, Deadline::after(0.02));
    });
  };
  // One that listens and says nothing.
  const Listener silent{Address(kAnyPort)};
  EXPECT_EQ(try_until(silent.address(), "secret"), ETIMEDOUT);

  const ipc::TempDir folder;
  const Listener full(Address(folder.file("socket")), {.backlog = 0});
  const auto first = connect_bare(full.address());
  EXPECT_EQ(try_until(full.address(), ""), ETIMEDOUT);
}

TEST(Client, FailsIfNoProcessListens) {
  const ipc::TempDir folder;
  EXPECT_EQ(
      error_of([&] { (void)ipc::connect(Address(folder.file("socket"))); }),
      ENOENT);
  Address gone(kAnyPort);
  {
    const Listener listener{Address(kAnyPort)};
    gone = listener.address();
  }
  EXPECT_EQ(error_of([&] { (void)ipc::connect(gone); }), ECONNREFUSED);
}

// Runs `action` in a child that may change its own view of the world. If that
// is not possible, `action` returns the reason, and the test is skipped.
void expect_in_child(const std::function<std::string()>& action) {
  auto [told, tell] = ipc::make_one_way_connections();
  ipc::Process child("child", [&, end = &tell] {
    std::string problem;
    try {
      problem = action();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    (void)end->send(problem);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  });
  tell.close();
  const auto problem = told.receive();
  EXPECT_EQ(child.join(), 0);
  if (problem && !problem->empty()) GTEST_SKIP() << *problem;
}

constexpr const char* kTwoAddresses = "127.0.0.1 both\n::1 both\n";

// The end that hangs up first leaves its port waiting for a minute.
TEST(Listener, APortCanBeUsedAgainAtOnce) {
  std::optional<Listener> listener(std::in_place, Address(kAnyPort));
  const Address address = listener->address();
  ipc::Process client("client", [&] {
    Connection server = ipc::connect(address);
    ::_exit(server.receive().status == Transfer::closed ? 0 : 1);
  });
  listener->accept().close();
  EXPECT_EQ(client.join(), 0);
  listener.reset();
  EXPECT_NO_THROW(Listener{address});
}

TEST(Listener, ListensOnAllAddressesOfAName) {
  expect_in_child([]() -> std::string {
    std::string problem = ipc::enter_own_network();
    if (problem.empty()) {
      problem = ipc::replace_in_view("/etc/hosts", kTwoAddresses);
    }
    if (!problem.empty()) return problem;
    if (ipc::resolve(Address("both:1")).size() != 2) return "no IPv6 here";
    for (const char* const key : {"", "secret"}) {
      Listener listener(Address("both:0"), {.key = key});
      const std::string port =
          std::to_string(ipc::resolve(listener.address()).front().port());
      for (const char* const host : {"127.0.0.1:", "[::1]:", "both:"}) {
        const ipc::Process client("client", [&] {
          (void)ipc::connect(Address(host + port), {.key = key});
          ::_exit(0);
        });
        EXPECT_TRUE(listener.accept_until(limit())) << host;
      }
    }
    // A stranger at one of them would get some of the clients.
    const Listener stranger(Address("127.0.0.1:0"));
    const uint16_t port = ipc::resolve(stranger.address()).front().port();
    EXPECT_EQ(error_of([&] {
                const Listener both(Address("both:" + std::to_string(port)));
              }),
              EADDRINUSE);
    return "";
  });
}

TEST(Listener, TakesAPortThatIsFreeAtAllAddressesOfAName) {
  expect_in_child([]() -> std::string {
    std::string problem = ipc::enter_own_network();
    if (problem.empty()) {
      problem = ipc::replace_in_view("/etc/hosts", kTwoAddresses);
    }
    if (!problem.empty()) return problem;
    if (ipc::resolve(Address("both:1")).size() != 2) return "no IPv6 here";
    // Of ten ports seven are in use at one of the two addresses.
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "5000 5009";
    std::vector<std::unique_ptr<Listener>> others;
    for (int i = 0; i < 7; ++i) {
      const std::string host = i % 2 == 0 ? "[::1]:500" : "127.0.0.1:500";
      others.push_back(
          std::make_unique<Listener>(Address(host + std::to_string(i))));
    }
    const Listener listener(Address("both:0"));
    EXPECT_GE(ipc::resolve(listener.address()).front().port(), 5007);
    return "";
  });
}

TEST(Client, TriesTheNextAddressOfAName) {
  expect_in_child([]() -> std::string {
    std::string problem = ipc::replace_in_view("/etc/hosts", kTwoAddresses);
    if (!problem.empty()) return problem;
    Listener listener(Address("127.0.0.1:0"));
    const uint16_t port = ipc::resolve(listener.address()).front().port();
    const Address both("both:" + std::to_string(port));
    (void)ipc::connect_until(both, {}, limit());
    EXPECT_TRUE(listener.accept_until(limit()));
    listener.close();
    EXPECT_EQ(error_of([&] { (void)ipc::connect_until(both, {}, limit()); }),
              ECONNREFUSED);
    return "";
  });
}

TEST(Client, DoesNotConnectToItself) {
  expect_in_child([]() -> std::string {
    const std::string problem = ipc::enter_own_network();
    if (!problem.empty()) return problem;
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "5000 5009";
    // The kernel gives each one of the ten ports, those with even numbers
    // first.
    for (int i = 0; i < 200; ++i) {
      EXPECT_EQ(error_of([] {
                  (void)ipc::connect_until(Address("127.0.0.1:5004"), {},
                                           limit());
                }),
                ECONNREFUSED);
    }
    // Nor does it keep the port from a server that does not reuse it.
    const ipc::SocketAddress place =
        ipc::resolve(Address("127.0.0.1:5004")).front();
    const ipc::UniqueFd fd(
        ipc::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    EXPECT_EQ(::bind(fd.get(), place.get(), place.size), 0);
    return "";
  });
}

// As when the other machine loses its power, or its network.
TEST(Listener, AndClientNoticeAMachineThatHasVanished) {
  expect_in_child([]() -> std::string {
    const std::string problem = ipc::enter_own_network();
    if (!problem.empty()) return problem;
    constexpr double kSilenceS = 2;
    Listener listener(Address(kAnyPort), {.silence_max_s = kSilenceS});
    const auto connect = [&] {
      return ipc::connect_until(listener.address(),
                                {.silence_max_s = kSilenceS}, limit());
    };
    Connection waits = connect();
    Connection waits_there = listener.accept();
    Connection asks = connect();
    const Connection asks_there = listener.accept();
    // That a process is silent does not mean that its machine is.
    EXPECT_EQ(waits.receive_until(Deadline::after(2 * kSilenceS)).status,
              Transfer::timed_out);
    ipc::set_loopback(false);
    (void)asks.send("Are you there?");
    for (Connection* const connection : {&waits, &waits_there, &asks}) {
      EXPECT_EQ(error_of([&] { (void)connection->receive_until(limit()); }),
                ETIMEDOUT);
    }
    return "";
  });
}

// A server with many peers waits only in poll(2), and never for one peer.
TEST(Listener, LetsOneProcessServeManyWithoutWaitingForAny) {
  const ipc::TempDir folder;
  Listener listener(Address(folder.file("socket")), {.key = "secret"});
  ipc::Process slow("slow", [&] {
    // Asks for much, and does not read it.
    Connection server = ipc::connect(listener.address(), {.key = "secret"});
    ipc::ensure(server.send("much"));
    (void)server.poll_until(Deadline::never());
    ::pause();
  });
  Connection slow_peer = listener.accept();
  ASSERT_EQ(*slow_peer.receive(), "much");
  for (int i = 0; i < 4; ++i) {
    slow_peer.queue(std::string(1 << 20, 'x'));
    EXPECT_EQ(slow_peer.flush_until(Deadline::at_ns(0)), Transfer::timed_out);
  }
  EXPECT_GT(slow_peer.unsent(), 3U << 20U);
  EXPECT_LE(slow_peer.unsent(), (4U << 20U) + 16);
  expect_good_client_served(listener);
  slow.kill();
  slow.join();
  EXPECT_EQ(slow_peer.flush_until(limit()), Transfer::closed);
  EXPECT_EQ(slow_peer.unsent(), 0U);
}

}  // namespace
