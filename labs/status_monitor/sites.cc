#include "labs/status_monitor/sites.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "labs/status_monitor/forged.h"

namespace {

using ipc::UniqueFd;

constexpr double kSlowS = 2;
// With --pace=0 only these sites make a monitor wait, and not for long. They
// are late by themselves, so the outcome is certain nevertheless.
constexpr double kSlowMinS = 0.03;
constexpr double kSlowAfterMinS = 0.02;
constexpr double kLimitMinS = 0.05;
// All others answer at once, and have all the time that a busy machine takes.
constexpr double kPatienceS = 10;

// A port of its own; connections to it are refused until a process listens.
UniqueFd bind_port() {
  UniqueFd fd(
      ipc::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ipc::check(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof address),
             "bind");
  return fd;
}

std::string address_of(const UniqueFd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ipc::check(
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size),
      "getsockname");
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

void answer(const UniqueFd& listener, const std::string& line, double delay_s) {
  const std::string reply =
      "HTTP/1.1 " + line +
      "\r\nContent-Length: 0\r\nLocation: http://fine.test/\r\n"
      "Connection: close\r\n\r\n";
  while (true) {
    const UniqueFd peer(ipc::check(
        ipc::retry([&] { return ::accept(listener.get(), nullptr, nullptr); }),
        "accept"));
    std::array<char, 4096> bytes{};
    std::string request;
    ssize_t size = 1;
    while (size > 0 && request.find("\r\n\r\n") == std::string::npos) {
      size = ::read(peer.get(), bytes.data(), bytes.size());
      if (size > 0) request.append(bytes.data(), static_cast<size_t>(size));
    }
    if (delay_s > 0) {  // The work.
      ::poll(nullptr, 0, ipc::Deadline::after(delay_s).poll_ms());
    }
    // It is no error if the client has gone meanwhile.
    (void)::send(peer.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  }
}

}  // namespace

void Sites::add(const std::string& scheme, const std::string& name,
                const std::string& status, const Serve& serve,
                bool about_time) {
  UniqueFd socket = bind_port();
  if (serve) {
    ipc::check(::listen(socket.get(), SOMAXCONN), "listen");
    processes_.emplace_back("Site " + name, [&] { serve(socket); });
  }
  const double patience_s = kPatienceS * ipc::time_scale();
  sites_[name] = {
      {scheme + "://" + name + "/", address_of(socket),
       std::max(ipc::paced_s(3), about_time ? kLimitMinS : patience_s),
       std::max(ipc::paced_s(1), about_time ? kSlowAfterMinS : patience_s)},
      status};
  sockets_.push_back(std::move(socket));
}

void Sites::add_answer(const std::string& name, const std::string& status,
                       const std::string& line, double delay_s) {
  add(
      "http", name, status,
      [=](const UniqueFd& fd) { answer(fd, line, delay_s); }, delay_s > 0);
}

Sites::Sites() {
  add_answer("fine.test", "online", "200 OK");
  add_answer("empty.test", "online", "204 No Content");
  add_answer("moved.test", "moved-301", "301 Moved Permanently");
  add_answer("missing.test", "error-404", "404 Not Found");
  add_answer("broken.test", "error-500", "500 Internal Server Error");
  add_answer("new.test", "online", "200 OK");
  add_answer("slow.test", "slow", "200 OK",
             std::max(ipc::paced_s(kSlowS), kSlowMinS));
  sites_["slow.test"].target.limit_s = kPatienceS * ipc::time_scale();
  add("https", "forged.test", "untrusted", serve_forged, false);
  add("http", "refused.test", "refused", nullptr, false);
  // The kernel accepts the connection, and no process ever reads the request.
  add("http", "silent.test", "timeout", nullptr, true);
  ipc::check(::listen(sockets_.back().get(), SOMAXCONN), "listen");
  // RFC 2606: this name never has an address.
  sites_["nowhere.invalid"] = {
      {"http://nowhere.invalid/", "", std::max(ipc::paced_s(3), kLimitMinS)},
      "unresolvable"};
  const std::string authority = make_authority();
  for (auto& [name, site] : sites_) site.target.own_authority = authority;
}
