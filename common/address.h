// Where a Listener listens: a port of TCP, or a path of the file system.
//
//   ipc::Address("127.0.0.1:0")      // The kernel chooses a free port.
//   ipc::Address("localhost:5000")   // A name is looked up, which may block.
//   ipc::Address("[::1]:5000")
//   ipc::Address("/tmp/folder/socket")
//
// Errors: std::system_error, EINVAL if the text is none of these, ENAMETOOLONG
//         if the path does not fit, EADDRNOTAVAIL if nobody knows the host.
// See:    ip(7), ipv6(7), unix(7), getaddrinfo(3).
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

namespace ipc {

class Address {
 public:
  explicit Address(std::string_view text);

  // In the form of the constructor; what was given, or what a socket has.
  [[nodiscard]] const std::string& text() const { return text_; }

  [[nodiscard]] bool is_path() const { return text_.front() == '/'; }

 private:
  std::string text_;
};

// An address as bind(2) and connect(2) take it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }

  // In the form of Address; "" for a socket of unix(7) without a path.
  [[nodiscard]] std::string text() const;
};

// All that `address` stands for, to be tried in turn: "localhost" may be
// 127.0.0.1 and ::1. At least one.
std::vector<SocketAddress> resolve(const Address& address);

// What a socket is bound to, and what it is connected to.
SocketAddress own_address(int fd);
SocketAddress peer_address(int fd);

}  // namespace ipc
