#include "labs/connection/strangers.h"

#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "common/base/errors.h"
#include "common/process/pipe.h"
#include "common/report/report.h"

namespace {

void write_bare(const ipc::UniqueFd& fd, std::string_view bytes) {
  ipc::write_all(fd, std::as_bytes(std::span(bytes)));
}

void write_bare(const ipc::Connection& connection, std::string_view bytes) {
  ipc::check(::send(connection.fd(), bytes.data(), bytes.size(), 0), "send");
}

}  // namespace

ipc::UniqueFd connect_silently(const ipc::Address& address) {
  const auto place = ipc::resolve(address).front();
  ipc::UniqueFd fd(ipc::check(
      ::socket(place.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  ipc::check(::connect(fd.get(), place.get(), place.size), "connect");
  return fd;
}

void reset(ipc::Connection& server) {
  const linger at_once{1, 0};  // close(2) then throws the connection away.
  ipc::check(::setsockopt(server.fd(), SOL_SOCKET, SO_LINGER, &at_once,
                          sizeof at_once),
             "setsockopt SO_LINGER");
  server.close();
}

void half_close(ipc::Connection& server) {
  ipc::ensure(server.send("My last words"));
  ipc::check(::shutdown(server.fd(), SHUT_WR), "shutdown");
  ipc::say("Received: {}", *server.receive());
  (void)server.receive();
}

void die_inside_a_message(ipc::Connection& server) {
  write_bare(server, std::string_view("\0\0\0\x09half", 8));
  ::raise(SIGKILL);
}

void announce_too_much(ipc::Connection& server) {
  write_bare(server, "\x7f\xff\xff\xff");  // 2 GiB will follow, it says.
  (void)server.receive();
}

void read_nothing(ipc::Connection& server) {
  const std::string much(8 << 20, 'x');  // The kernel keeps some of it for us.
  for (int i = 0; i < 8; ++i) {
    if (server.send(much) != ipc::Transfer::ok) {
      ipc::say("Hung up on, for I read nothing");
      return;
    }
  }
  ipc::say("Nobody minds that I read nothing");
}

void talk_nonsense(const ipc::Address& address) {
  const auto fd = connect_silently(address);
  write_bare(fd, "GET / HTTP/1.1\r\n\r\n");
  std::array<char, 64> bytes{};
  while (ipc::retry([&] {
           return ::read(fd.get(), bytes.data(), bytes.size());
         }) > 0) {
  }
}

bool relay(ipc::Connection lured, const ipc::Address& address) {
  ipc::Connection server = ipc::connect(address);
  // The challenge of the true server; then what only Lured can say.
  ipc::ensure(lured.send(*server.receive()));
  ipc::ensure(server.send(*lured.receive()));  // [relay]
  if (*server.receive() == "#FAILURE#") return false;
  // In Python's protocol it is our turn to ask for a proof. We know no better.
  // If the server hangs up on us, the last line says so.
  (void)server.send("#CHALLENGE#{sha256}" + std::string(40, '?'));
  (void)server.receive();
  (void)server.send("#WELCOME#");
  (void)server.send("I do not know the key");
  return static_cast<bool>(server.receive());
}
