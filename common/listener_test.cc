#include "common/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/connection.h"
#include "common/errors.h"
#include "common/names.h"
#include "common/process.h"
#include "common/signals.h"

namespace {

using ipc::Address;
using ipc::Connection;
using ipc::Deadline;
using ipc::Listener;
using ipc::Protocol;
using ipc::Transfer;

constexpr const char* kAnyPort = "127.0.0.1:0";
constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kPeer = "common/python_peer.py";

Deadline soon() { return Deadline::after(20 * ipc::time_scale()); }

int error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

void echo(Connection peer) {
  while (const auto message = peer.receive()) {
    if (peer.send(*message) != Transfer::ok) return;
  }
}

// Runs the Python peer; what it prints is what read() returns.
class Python {
 public:
  Python(const std::string& role, const std::string& address,
         const std::string& key)
      : pipe_(open_pipe()), process_("python", [&] {
          ::dup2(pipe_[1], 1);
          ::execl(kPython, "python3", "-I", kPeer, role.c_str(),
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

bool have_python() { return ::access(kPython, X_OK) == 0; }

std::string exchange_with_python(const std::string& address,
                                 const std::string& key) {
  Listener listener(Address(address),
                    {.key = key, .protocol = Protocol::python_md5});
  Python python("client", listener.address().text(), key);
  auto peer = listener.accept_until(soon());
  if (!peer) return "nobody came";
  echo(std::move(*peer));
  return python.read_line();
}

TEST(Listener, EchoesToPythonsClientWithAndWithoutKey) {
  if (!have_python()) GTEST_SKIP() << "no " << kPython;
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
      {.key = key, .protocol = Protocol::python_md5}, soon());
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
  if (!have_python()) GTEST_SKIP() << "no " << kPython;
  const ipc::TempDir folder;
  EXPECT_EQ(echoes_of_pythons_listener(kAnyPort, ""), 4);
  EXPECT_EQ(echoes_of_pythons_listener(kAnyPort, "secret"), 4);
  EXPECT_EQ(echoes_of_pythons_listener(folder.file("socket"), ""), 4);
  EXPECT_EQ(echoes_of_pythons_listener(folder.file("socket"), "secret"), 4);
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
          server.send(sent);
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

TEST(Listener, LetsNobodyInWhoHasAnotherKey) {
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

}  // namespace
