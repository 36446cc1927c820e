// Wrong: the server takes what one recv() returns for a message. TCP carries
// bytes: what was sent by one call may come in two pieces, as it does here, and
// the server answers the first of them.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(static_cast<size_t>(
        check(retry([&] {
                return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
              }),
              "send")));
  }
}

// At most 100 bytes; none at the end of the connection.
std::string receive_bytes(int fd) {
  std::array<char, 100> bytes{};
  const ssize_t size = check(
      retry([&] { return ::recv(fd, bytes.data(), bytes.size(), 0); }), "recv");
  return {bytes.data(), static_cast<size_t>(size)};
}

// A message, which ends with a newline.
std::string receive(int fd, const std::function<void()>& has_received) {
  const std::string bytes = receive_bytes(fd);
  has_received();
  return bytes.substr(0, bytes.find('\n'));
}

void serve(int listener, int has_received) {
  const int client =
      check(retry([&] {
              return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            }),
            "accept4");
  const auto tell = [&] {
    check(retry([&] { return ::write(has_received, "", 1); }), "write");
  };
  const std::string message = receive(client, tell);
  raw::say("Server", "Received '" + message + "', echoing back");
  send_all(client, "Echo: " + message + "\n");
}

std::string lesson() {
  const int listener =
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in port{};
  port.sin_family = AF_INET;
  port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const address = reinterpret_cast<sockaddr*>(&port);
  socklen_t size = sizeof port;
  check(::bind(listener, address, size), "bind");
  check(::listen(listener, 1), "listen");
  check(::getsockname(listener, address, &size), "getsockname");
  std::array<int, 2> pipe{};
  check(::pipe2(pipe.data(), O_CLOEXEC), "pipe2");
  const pid_t self = ::getpid();
  const pid_t server = check(::fork(), "fork");
  if (server == 0)
    raw::be_child("Server", self, [&] { serve(listener, pipe[1]); });

  const int fd =
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(retry([&] { return ::connect(fd, address, size); }), "connect");
  raw::say("Main", "Sent 'How are you?'");
  send_all(fd, "How are");
  // The network takes its time: the rest comes after the server has read.
  char byte = 0;
  check(retry([&] { return ::read(pipe[0], &byte, 1); }), "read");
  (void)::send(fd, " you?\n", 6, MSG_NOSIGNAL);
  raw::say("Main", "Received: " + receive(fd, [] {}));
  int status = 0;
  check(retry([&] { return ::waitpid(server, &status, 0); }), "waitpid");
  return status == 0 ? "" : "the server failed";
}

}  // namespace

int main() { return raw::run(lesson); }
