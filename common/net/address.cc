#include "common/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <memory>

#include "common/base/check.h"
#include "common/base/errors.h"

namespace ipc {
namespace {

constexpr size_t kPathStart = offsetof(sockaddr_un, sun_path);
constexpr size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;

struct HostAndPort {
  std::string host;
  std::string port;
};

bool is_port(std::string_view text) {
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end;
}

HostAndPort host_and_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw_error(EINVAL, "address: no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (!is_port(port)) throw_error(EINVAL, "address: port");
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    throw_error(EINVAL, "address: IPv6 goes in brackets");
  }
  if (host.empty()) throw_error(EINVAL, "address: no host");
  return {std::string(host), std::string(port)};
}

SocketAddress path_address(const std::string& path) {
  SocketAddress address;
  auto* const name = reinterpret_cast<sockaddr_un*>(&address.storage);
  name->sun_family = AF_UNIX;
  memcpy(name->sun_path, path.c_str(), path.size() + 1);
  address.size = static_cast<socklen_t>(kPathStart + path.size() + 1);
  return address;
}

// Turns an IPv6 address that stands for an IPv4 one into that: the other side
// may know it as an IPv4 address.
SocketAddress unmapped(const SocketAddress& address) {
  const auto* ip = reinterpret_cast<const sockaddr_in6*>(&address.storage);
  if (address.family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&ip->sin6_addr)) {
    return address;
  }
  SocketAddress plain;
  auto* const ipv4 = reinterpret_cast<sockaddr_in*>(&plain.storage);
  ipv4->sin_family = AF_INET;
  ipv4->sin_port = ip->sin6_port;
  memcpy(&ipv4->sin_addr, &ip->sin6_addr.s6_addr[12], sizeof ipv4->sin_addr);
  plain.size = sizeof(sockaddr_in);
  return plain;
}

std::string ip_text(const SocketAddress& address) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  constexpr int kFlags = NI_NUMERICHOST | NI_NUMERICSERV;
  if (::getnameinfo(address.get(), address.size, host.data(), host.size(),
                    port.data(), port.size(), kFlags) != 0) {
    return "";
  }
  std::string name = host.data();
  if (address.family() != AF_INET) name = "[" + name + "]";
  return name + ":" + port.data();
}

// errno for what getaddrinfo(3) returned.
int error_of_lookup(int result) {
  switch (result) {
    case EAI_SYSTEM:
      return errno;
    case EAI_MEMORY:
      return ENOMEM;
    case EAI_AGAIN:  // The name server does not answer.
      return EAGAIN;
    default:
      return EADDRNOTAVAIL;
  }
}

bool is_same(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && memcmp(&a.storage, &b.storage, a.size) == 0;
}

}  // namespace

Address::Address(std::string_view text) : text_(text) {
  if (!text.starts_with('/')) {
    (void)host_and_port(text);
  } else if (text.size() > kPathMax) {
    throw_error(ENAMETOOLONG, "address: path of a socket");
  } else if (text.find('\0') != std::string_view::npos) {
    throw_error(EINVAL, "address: NUL in a path");
  }
}

std::string SocketAddress::text() const {
  if (family() == AF_INET || family() == AF_INET6) {
    return ip_text(unmapped(*this));
  }
  if (family() != AF_UNIX || size <= kPathStart) return "";
  const auto* name = reinterpret_cast<const sockaddr_un*>(&storage);
  const size_t room = std::min<size_t>(size - kPathStart, kPathMax);
  return {name->sun_path, ::strnlen(name->sun_path, room)};
}

std::string SocketAddress::text_for_both() const {
  SocketAddress here = unmapped(*this);
  if (here.family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&here.storage)->sin6_scope_id = 0;
  }
  return here.text();
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  }
  IPC_CHECK(family() == AF_INET6);
  return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
}

void SocketAddress::set_port(uint16_t port) {
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  } else if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
  }
}

std::vector<SocketAddress> resolve(const Address& address) {
  if (address.is_path()) return {path_address(address.text())};
  const auto [host, port] = host_and_port(address.text());
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int result = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (result != 0) {
    const int error = error_of_lookup(result);
    const std::string call =
        "address '" + address.text() + "': " + ::gai_strerror(result);
    throw_error(error, call.c_str());
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(
      list, &::freeaddrinfo);
  std::vector<SocketAddress> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress copy;
    memcpy(&copy.storage, one->ai_addr, one->ai_addrlen);
    copy.size = one->ai_addrlen;
    // A name may stand for the same address twice; see hosts(5).
    if (std::none_of(found.begin(), found.end(), [&](const SocketAddress& old) {
          return is_same(old, copy);
        })) {
      found.push_back(copy);
    }
  }
  return found;
}

SocketAddress own_address(int fd) {
  SocketAddress address;
  check(::getsockname(fd, address.get(), &address.size), "getsockname");
  return address;
}

SocketAddress peer_address(int fd) {
  SocketAddress address;
  check(::getpeername(fd, address.get(), &address.size), "getpeername");
  return address;
}

}  // namespace ipc
