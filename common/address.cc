#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <memory>

#include "common/errors.h"

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

HostAndPort split(std::string_view text) {
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

std::string ip_text(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (address.family() == AF_INET) {
    const auto* ip = reinterpret_cast<const sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &ip->sin_addr, host.data(), host.size());
    return fmt::format("{}:{}", host.data(), ntohs(ip->sin_port));
  }
  const auto* ip = reinterpret_cast<const sockaddr_in6*>(&address.storage);
  if (IN6_IS_ADDR_V4MAPPED(&ip->sin6_addr)) {
    // The other side may call it by its IPv4 name.
    ::inet_ntop(AF_INET, &ip->sin6_addr.s6_addr[12], host.data(), host.size());
    return fmt::format("{}:{}", host.data(), ntohs(ip->sin6_port));
  }
  ::inet_ntop(AF_INET6, &ip->sin6_addr, host.data(), host.size());
  return fmt::format("[{}]:{}", host.data(), ntohs(ip->sin6_port));
}

}  // namespace

Address::Address(std::string_view text) : text_(text) {
  if (!text.starts_with('/')) {
    (void)split(text);
  } else if (text.size() > kPathMax) {
    throw_error(ENAMETOOLONG, "address: path of a socket");
  } else if (text.find('\0') != std::string_view::npos) {
    throw_error(EINVAL, "address: NUL in a path");
  }
}

std::string SocketAddress::text() const {
  if (family() == AF_INET || family() == AF_INET6) return ip_text(*this);
  if (family() != AF_UNIX || size <= kPathStart) return "";
  const auto* name = reinterpret_cast<const sockaddr_un*>(&storage);
  const size_t room = std::min<size_t>(size - kPathStart, kPathMax);
  return {name->sun_path, ::strnlen(name->sun_path, room)};
}

std::vector<SocketAddress> resolve(const Address& address) {
  if (address.is_path()) return {path_address(address.text())};
  const auto [host, port] = split(address.text());
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &list) != 0) {
    throw_error(EADDRNOTAVAIL, "getaddrinfo");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(
      list, &::freeaddrinfo);
  std::vector<SocketAddress> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress copy;
    memcpy(&copy.storage, one->ai_addr, one->ai_addrlen);
    copy.size = one->ai_addrlen;
    found.push_back(copy);
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
