// Where a Listener listens: a port of TCP, or a path of the file system.
//
//   ipc::Address("127.0.0.1:0")      // The kernel chooses a free port.
//   ipc::Address("localhost:5000")   // resolve() looks the name up.
//   ipc::Address("[::1]:5000")
//   ipc::Address("[fe80::1%eth0]:5000")  // On that link only.
//   ipc::Address("/tmp/folder/socket")
//
// A path has at most 107 bytes. Abstract names of unix(7) are not offered: they
// have no permissions, so any user could connect, or listen there first.
//
// Blocks: resolve(), while it looks a name up.
// Errors: std::system_error: EINVAL if the text is none of these, ENAMETOOLONG
//         if the path does not fit. resolve() fails with EADDRNOTAVAIL if the
//         host is not known, with EAGAIN if the name server does not answer.
// See:    ip(7), ipv6(7), unix(7), getaddrinfo(3).
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ipc {

class Address {
 public:
  explicit Address(std::string_view text);

  // The text that the constructor was given.
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
  // The same text at both ends of a connection: without the device, as in
  // "%eth0", which has another name on the other machine.
  [[nodiscard]] std::string text_for_both() const;

  // port() requires the address of a host; set_port() leaves a path as it is.
  [[nodiscard]] uint16_t port() const;
  void set_port(uint16_t port);
};

// All addresses that `address` stands for, each once: "localhost" may be
// 127.0.0.1 and ::1. There is at least one; the preferred one comes first.
std::vector<SocketAddress> resolve(const Address& address);

// What a socket is bound to, and what it is connected to.
// Errors: std::system_error.
SocketAddress own_address(int fd);
SocketAddress peer_address(int fd);

}  // namespace ipc
