#include "labs/connection/strangers.h"

#include <signal.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/connection/clients.h"

namespace {

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
  (void)ask(server, "I am here");
  const linger at_once{1, 0};  // close(2) then resets the connection.
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
      ipc::say("Hung up on, because I read nothing");
      return;
    }
  }
  ipc::say("The server does not mind that I read nothing");
}

bool outlive_strangers(const ipc::Address& address) {
  ipc::Connection server = ipc::connect(address);
  const auto outlive = [&](const char* name, auto stranger) {
    ipc::say("Here comes {}", name);
    ipc::Process(name, [&] {
      ipc::Connection connection = ipc::connect(address);
      stranger(connection);
    }).join();
    const std::string message = std::string("After ") + name;
    return ask(server, message) == "Echo: " + message;
  };
  const bool is_well =
      outlive("Reset", reset) && outlive("Half-close", half_close) &&
      outlive("Killed", die_inside_a_message) &&
      outlive("Oversized", announce_too_much) && outlive("Deaf", read_nothing);
  ipc::ensure(server.send("shutdown"));
  return is_well;
}
