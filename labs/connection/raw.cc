// connection, by system calls: socket, bind, listen, accept4, connect, poll.
//
//   Client 0 ---+
//   Client 1 ---+-- port == Server        the silent one: connected first
//   Client 2 ---+
//
// Watch for: the server waits only in poll(2), for all of its descriptors at
// once. The part of a message whose rest is still to come is kept with its
// client. Only act 2 of the lab is played here.

#include "labs/raw.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr size_t kKeptMax = 1 << 20;  // In either direction.

struct Peer {
  int fd;
  int number;
  std::string in = {};   // Has come, but is not a whole message yet.
  std::string out = {};  // Has not been sent yet.
};

// A stream has no boundaries. Here each message ends with a newline; bytes
// without a newline are only a part of a message. False if that is all there
// is.
bool take_message(std::string& bytes, std::string& message) {
  const size_t end = bytes.find('\n');
  if (end == std::string::npos) return false;  // [whole]
  message = bytes.substr(0, end);
  bytes.erase(0, end + 1);
  return true;
}

// Adds what has come to `bytes`; false if no more will come.
bool receive_some(int fd, std::string& bytes) {
  std::array<char, 4096> room{};
  const ssize_t size =
      retry([&] { return ::recv(fd, room.data(), room.size(), 0); });
  if (size <= 0) return size == -1 && errno == EAGAIN;
  bytes.append(room.data(), static_cast<size_t>(size));
  return true;
}

// Sends what there is room for; false if the peer will not read it.
bool send_some(int fd, std::string& bytes) {
  const ssize_t size = retry(
      [&] { return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  if (size == -1) return errno == EAGAIN;
  bytes.erase(0, static_cast<size_t>(size));
  return true;
}

// Does what one client wants; false if it leaves.
bool serve(Peer& peer, int& listener) {
  const std::string number = std::to_string(peer.number);
  if (!receive_some(peer.fd, peer.in)) {
    raw::say("Server", "Connection " + number + " ended");
    return false;
  }
  for (std::string message; take_message(peer.in, message);) {
    if (message == "close") {
      raw::say("Server", "Closing connection " + number);
    } else if (message == "shutdown") {
      raw::say("Server", "Shutting down");
      ::close(std::exchange(listener, -1));  // No other comes in.
    }
    if (message == "close" || message == "shutdown") return false;
    raw::say("Server", "Received '" + message + "', echoing back");
    peer.out += "Echo: " + message + "\n";
  }
  return send_some(peer.fd, peer.out) &&
         std::max(peer.in.size(), peer.out.size()) <= kKeptMax;
}

void serve_all(int listener) {
  raw::say("Server", "Starting");
  std::list<Peer> peers;
  for (int count = 0; listener != -1 || !peers.empty();) {
    std::vector<pollfd> fds{{listener, POLLIN, 0}};  // [poll] -1 is skipped.
    for (const Peer& peer : peers) {
      const int events = peer.out.empty() ? POLLIN : POLLIN | POLLOUT;
      fds.push_back({peer.fd, static_cast<int16_t>(events), 0});
    }
    check(retry([&] { return ::poll(fds.data(), fds.size(), -1); }), "poll");
    while (listener != -1) {
      constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
      const int fd =
          retry([&] { return ::accept4(listener, nullptr, nullptr, kFlags); });
      if (fd == -1 && (errno == EAGAIN || errno == ECONNABORTED)) break;
      peers.push_back({check(fd, "accept4"), ++count});
      raw::say("Server", "Connection " + std::to_string(count) + " accepted");
    }
    peers.remove_if([&](Peer& peer) {
      if (serve(peer, listener)) return false;
      ::close(peer.fd);
      return true;
    });
  }
  raw::say("Server", "Stopped");
}

// After EINTR the kernel still makes the connection, and Linux lets connect(2)
// be called again to wait for it.
int connect_to(const sockaddr_in& port) {
  const int fd =
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const auto* const address = reinterpret_cast<const sockaddr*>(&port);
  check(retry([&] { return ::connect(fd, address, sizeof port); }), "connect");
  return fd;
}

// After its first answer each client closes its writing end of the pipe `all`,
// and continues at end of file, which comes when all have closed theirs.
void talk(int fd, const char* name, const std::vector<std::string>& messages,
          const std::array<int, 2>& all) {
  raw::say(name, "Connected");
  for (const std::string& text : messages) {
    raw::say(name, "Sent '" + text + "'");
    for (std::string bytes = text + "\n"; !bytes.empty();) {
      if (!send_some(fd, bytes)) ipc::throw_error(EPIPE, "send");
    }
    if (text == messages.back()) break;
    std::string bytes;
    std::string echo;
    while (!take_message(bytes, echo)) {
      if (!receive_some(fd, bytes)) ipc::throw_error(EPIPE, "recv");
    }
    raw::say(name, "Received: " + echo);
    if (text != messages.front()) continue;
    ::close(all[1]);  // [barrier]
    check(retry([&] { return ::read(all[0], echo.data(), 1); }), "read");
  }
  raw::say(name, "Finished");
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

bool join(pid_t child) {
  int status = 0;
  check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  return status == 0;
}

std::string lesson() {
  raw::say("Main", "Act 2: three clients, and one before them that is silent");
  int listener =
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
            "socket");
  sockaddr_in port{};  // Number 0: the kernel chooses one.
  port.sin_family = AF_INET;
  port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const address = reinterpret_cast<sockaddr*>(&port);
  socklen_t size = sizeof port;
  check(::bind(listener, address, size), "bind");
  check(::listen(listener, SOMAXCONN), "listen");  // [listen]
  check(::getsockname(listener, address, &size), "getsockname");
  const pid_t server = start("Server", [&] { serve_all(listener); });
  ::close(listener);

  const int silent = connect_to(port);
  std::array<int, 2> all{};
  check(::pipe2(all.data(), O_CLOEXEC), "pipe2");
  const auto client = [&](const char* name,
                          const std::vector<std::string>& messages) {
    return start(name, [&] { talk(connect_to(port), name, messages, all); });
  };
  const std::array<pid_t, 3> clients{
      client("Client 0", {"Hello", "How are you?", "close"}),
      client("Client 1", {"Testing", "Another message", "close"}),
      client("Client 2", {"Final message", "shutdown"})};
  for (const int end : all) ::close(end);
  bool is_well = true;
  for (const pid_t pid : clients) is_well = join(pid) && is_well;
  // A client that failed may not have said "shutdown", and the server would
  // wait for that.
  if (!is_well) return "a client failed";
  ::close(silent);  // The clients that had a copy have ended.
  return join(server) ? "" : "the server failed";
}

}  // namespace

int main() { return raw::run(lesson); }
