// Sockets: pairs without a name, a Unix socket through which descriptors go,
// and the two of the Internet.
// See unix(7), socketpair(2), cmsg(3), tcp(7), udp(7).

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/process/names.h"
#include "labs/mechanisms/specification.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// `in_` is the receiver's socket, and `out_` the sender's.
class Socket : public Mechanism {
 public:
  Outcome send(std::string_view message, Wait wait) override {
    return attempt(out_.get(), POLLOUT, wait, [&] {
      return ::send(out_.get(), message.data(), message.size(), kFlags);
    });
  }
  Outcome receive(std::span<char> buffer, Wait wait) override {
    return attempt_to_read(in_.get(), wait, [&] {
      return ::recv(in_.get(), buffer.data(), buffer.size(), kFlags);
    });
  }

 protected:
  UniqueFd in_;
  UniqueFd out_;
};

template <int Type>
class SocketPair : public Socket {
 public:
  void open() override {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, Type | SOCK_CLOEXEC, 0, ends.data()),
          "socketpair");
    in_.reset(ends[0]);
    out_.reset(ends[1]);
  }
  void join(Side side, const std::string& /*address*/) override {
    if (!in_ || !out_) ipc::throw_error(EBADF, "join a socket pair");
    if (side == Side::sender) in_.reset();
    if (side == Side::receiver) out_.reset();
  }
};

// A socket to which others connect. The receiver accepts the first of them when
// it wants the first message.
class ListeningSocket : public Socket {
 public:
  Outcome receive(std::span<char> buffer, Wait wait) override {
    const Outcome outcome = accept(wait);
    if (outcome.state != State::done) return outcome;
    return Socket::receive(buffer, wait);
  }

 protected:
  void listen(const sockaddr* address, socklen_t size, int type) {
    listener_.reset(check(
        ::socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
        "socket"));
    check(::bind(listener_.get(), address, size), "bind");
    check(::listen(listener_.get(), 1), "listen");
  }
  void connect(Side side, const sockaddr* address, socklen_t size, int type) {
    if (side == Side::sender) listener_.reset();
    if (side != Side::sender && !listener_) ipc::throw_error(EBADF, "accept");
    if (side == Side::receiver) return;
    out_.reset(
        check(::socket(address->sa_family, type | SOCK_CLOEXEC, 0), "socket"));
    check(::connect(out_.get(), address, size), "connect");
  }
  [[nodiscard]] const UniqueFd& listener() const { return listener_; }

  // Does nothing if one was accepted before.
  Outcome accept(Wait wait) {
    if (in_) return {};
    return attempt(listener_.get(), POLLIN, wait, [&] {
      in_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      return in_.get();
    });
  }

 private:
  UniqueFd listener_;
};

// Each message is a descriptor: of memory without a name, in which the text is.
// The receiver gets a number of its own for the same open file, and closes it.
class DescriptorSocket : public ListeningSocket {
 public:
  void open() override {
    const sockaddr_un address = address_of(path_);
    listen(reinterpret_cast<const sockaddr*>(&address), sizeof address,
           SOCK_SEQPACKET);
  }
  void join(Side side, const std::string& path) override {
    const sockaddr_un address = address_of(side == Side::sender ? path : path_);
    connect(side, reinterpret_cast<const sockaddr*>(&address), sizeof address,
            SOCK_SEQPACKET);
  }
  [[nodiscard]] std::string address() const override { return path_; }
  [[nodiscard]] const char* kind() const override { return "path"; }
  [[nodiscard]] bool is_there() const override {
    return ::access(path_.c_str(), F_OK) == 0;
  }

  Outcome send(std::string_view message, Wait wait) override {
    const UniqueFd text(check(::memfd_create("text", MFD_CLOEXEC), "memfd"));
    const ssize_t size = ::write(text.get(), message.data(), message.size());
    if (size != static_cast<ssize_t>(message.size())) {
      return {State::failed, 0, size == -1 ? errno : ENOSPC};
    }
    Envelope envelope;
    cmsghdr* const header = CMSG_FIRSTHDR(&envelope.head);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = text.get();
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
    return attempt(out_.get(), POLLOUT, wait, [&] {
      return ::sendmsg(out_.get(), &envelope.head, kFlags);
    });
  }

  Outcome receive(std::span<char> buffer, Wait wait) override {
    const Outcome accepted = accept(wait);
    if (accepted.state != State::done) return accepted;
    Envelope envelope;
    const Outcome outcome = attempt_to_read(in_.get(), wait, [&] {
      return ::recvmsg(in_.get(), &envelope.head, kFlags | MSG_CMSG_CLOEXEC);
    });
    if (outcome.state != State::done) return outcome;
    const cmsghdr* const header = CMSG_FIRSTHDR(&envelope.head);
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
      return {State::failed, 0, EPROTO};
    }
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    const UniqueFd text(number);  // [own] Closed at the end.
    const ssize_t size = ::pread(text.get(), buffer.data(), buffer.size(), 0);
    if (size == -1) return {State::failed, 0, errno};
    return {State::done, static_cast<size_t>(size), 0};
  }

 private:
  // One byte, without which no descriptor is sent, and room for a descriptor.
  struct Envelope {
    Envelope() {
      head.msg_iov = &part;
      head.msg_iovlen = 1;
      head.msg_control = control.data();
      head.msg_controllen = control.size();
    }
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr head{};
  };

  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
      ipc::throw_error(ENAMETOOLONG, "a socket's path");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
  }

  ipc::TempDir folder_{"socket"};
  std::string path_ = folder_.file("socket");
};

// "127.0.0.1:4711", as text and for the kernel.
sockaddr_in parse(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    ipc::throw_error(EINVAL, "an address");
  }
  address.sin_port = htons(static_cast<in_port_t>(
      std::strtoul(text.c_str() + colon + 1, nullptr, 10)));
  return address;
}

std::string address_of(const UniqueFd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  check(
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size),
      "getsockname");
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

// Any free port, reachable from this machine only.
constexpr const char* kHere = "127.0.0.1:0";

class Tcp : public ListeningSocket {
 public:
  void open() override {
    const sockaddr_in here = parse(kHere);
    listen(reinterpret_cast<const sockaddr*>(&here), sizeof here, SOCK_STREAM);
    address_ = address_of(listener());
  }
  void join(Side side, const std::string& address) override {
    const sockaddr_in there = parse(address.empty() ? address_ : address);
    connect(side, reinterpret_cast<const sockaddr*>(&there), sizeof there,
            SOCK_STREAM);
    if (!out_) return;
    const int yes = 1;  // Otherwise small messages wait for each other.
    check(::setsockopt(out_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes),
          "setsockopt");
    // The kernel would let it grow, by default to 4 MiB.
    constexpr int kBytes = 64 * 1024;
    check(
        ::setsockopt(out_.get(), SOL_SOCKET, SO_SNDBUF, &kBytes, sizeof kBytes),
        "setsockopt");
  }
  [[nodiscard]] std::string address() const override { return address_; }
  [[nodiscard]] const char* kind() const override { return "network"; }
  [[nodiscard]] int on_its_way(Side side) const override {
    if (side == Side::sender) return out_.get();
    return in_ ? in_.get() : listener().get();
  }

 private:
  std::string address_;
};

class Udp : public Socket {
 public:
  void open() override {
    in_.reset(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    const sockaddr_in here = parse(kHere);
    check(::bind(in_.get(), reinterpret_cast<const sockaddr*>(&here),
                 sizeof here),
          "bind");
    address_ = address_of(in_);
  }
  void join(Side side, const std::string& address) override {
    if (side == Side::sender) in_.reset();
    if (side != Side::sender && !in_) ipc::throw_error(EBADF, "receive");
    if (side == Side::receiver) return;
    const sockaddr_in there = parse(address);
    out_.reset(
        check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    // This sends nothing. But what comes back from there now reaches this
    // socket.
    check(::connect(out_.get(), reinterpret_cast<const sockaddr*>(&there),
                    sizeof there),
          "connect");  // [connect]
  }
  [[nodiscard]] std::string address() const override { return address_; }
  [[nodiscard]] const char* kind() const override { return "network"; }
  [[nodiscard]] int on_its_way(Side side) const override {
    return side == Side::sender ? out_.get() : in_.get();
  }

 private:
  std::string address_;
};

}  // namespace

std::vector<NamedMechanism> sockets() {
  return {
      {"stream_pair", make<SocketPair<SOCK_STREAM>>},
      {"datagram_pair", make<SocketPair<SOCK_DGRAM>>},
      {"seqpacket_pair", make<SocketPair<SOCK_SEQPACKET>>},
      {"descriptor", make<DescriptorSocket>},
      {"tcp", make<Tcp>},
      {"udp", make<Udp>},
  };
}
