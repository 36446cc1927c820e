// Wrong: the server takes what one recv() returns for a message. TCP carries
// bytes: what was sent by one call may come in two pieces, as it does here, and
// the server answers the first of them.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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

// Wrong in both processes; the client does not suffer from it.
std::string receive(int fd) {
  std::array<char, 100> bytes{};
  const ssize_t size = check(
      retry([&] { return ::recv(fd, bytes.data(), bytes.size(), 0); }), "recv");
  return {bytes.data(), static_cast<size_t>(size)};
}

void serve(int listener) {
  const int client =
      check(retry([&] {
              return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            }),
            "accept4");
  const std::string message = receive(client);
  raw::say("Server", "Received '" + message + "', echoing back");
  send_all(client, "Echo: " + message);
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
  const pid_t self = ::getpid();
  const pid_t server = check(::fork(), "fork");
  if (server == 0) raw::be_child("Server", self, [&] { serve(listener); });

  const int fd =
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(retry([&] { return ::connect(fd, address, size); }), "connect");
  raw::say("Main", "Sent 'How are you?'");
  send_all(fd, "How are");
  // The network takes its time: the rest comes after the server has read.
  raw::say("Main", "Received: " + receive(fd));
  (void)::send(fd, " you?", 5, MSG_NOSIGNAL);
  int status = 0;
  check(retry([&] { return ::waitpid(server, &status, 0); }), "waitpid");
  return status == 0 ? "" : "the server failed";
}

}  // namespace

int main() { return raw::run(lesson); }
