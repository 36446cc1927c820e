#include "labs/authentication/clients.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <random>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/base/errors.h"
#include "common/process/pipe.h"
#include "common/report/report.h"

namespace {

constexpr const char* kPython = R"(
import os, sys
from multiprocessing.connection import Client
host, _, port = sys.argv[1].rpartition(":")
def say(text): os.write(1, f"Friend: {text}\n".encode())
end = Client((host, int(port)), authkey=os.environ["KEY"].encode())
say("Let in")
end.send_bytes(b"Hello")
say("Received: " + end.recv_bytes().decode())
)";

void write_bare(const ipc::UniqueFd& fd, std::string_view bytes) {
  ipc::write_all(fd, std::as_bytes(std::span(bytes)));
}

ipc::Connection connect(const ipc::Address& address, const Secret& secret) {
  return ipc::connect(address,
                      {.key = secret.key, .protocol = secret.protocol});
}

}  // namespace

Secret draw_secret(bool with_python) {
  Secret secret;
  if (with_python) secret.protocol = ipc::Protocol::python_md5;
  std::random_device random;
  for (int i = 0; i < 4; ++i) secret.key += std::to_string(random());
  return secret;
}

void knock(const ipc::Address& address, const Secret& secret) try {
  ipc::Connection server = connect(address, secret);
  ipc::say("Let in");
  ipc::ensure(server.send("Hello"));
  ipc::say("Received: {}", *server.receive());
} catch (const std::system_error& error) {
  ipc::say("{}", error.what());
}

void knock_in_python(const ipc::Address& address, const Secret& secret) {
  ::setenv("KEY", secret.key.c_str(), 1);  // [env] ps(1) shows arguments.
  ::execl("/usr/bin/python3", "python3", "-I", "-c", kPython,
          address.text().c_str(), nullptr);
  ipc::throw_error(errno, "/usr/bin/python3");
}

void stop(const ipc::Address& address, const Secret& secret) {
  ipc::ensure(connect(address, secret).send("shutdown"));
}

ipc::UniqueFd connect_silently(const ipc::Address& address) {
  const auto place = ipc::resolve(address).front();
  ipc::UniqueFd fd(ipc::check(
      ::socket(place.family(), SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  ipc::check(::connect(fd.get(), place.get(), place.size), "connect");
  return fd;
}

void talk_nonsense(const ipc::Address& address) {
  const auto fd = connect_silently(address);
  write_bare(fd, "GET / HTTP/1.1\r\n\r\n");
  std::array<char, 64> bytes{};
  while (ipc::retry([&] {
           return ::read(fd.get(), bytes.data(), bytes.size());
         }) > 0) {
  }
  ipc::say("Hung up on");
}

bool relay(ipc::Connection lured, const ipc::Address& address) {
  ipc::Connection server = ipc::connect(address);
  // The challenge of the true server, and then the answer only Lured can give.
  ipc::ensure(lured.send(*server.receive()));
  ipc::ensure(server.send(*lured.receive()));  // [relay]
  if (*server.receive() == "#FAILURE#") return false;
  // In Python's protocol it is now our turn to ask for a proof; we cannot check
  // it. If the server has hung up on us, the last line shows that.
  (void)server.send("#CHALLENGE#{sha256}" + std::string(40, '?'));
  (void)server.receive();
  (void)server.send("#WELCOME#");
  (void)server.send("I do not know the key");
  return static_cast<bool>(server.receive());
}

void say_who_i_am(const ipc::Address& address, pid_t pid) {
  const bool is_lie = pid != ::getpid();
  ipc::Connection server = ipc::connect(address);
  ipc::say("Saying that I am {}", is_lie ? "another process" : "this process");
  ipc::ensure(
      server.send((is_lie ? "Liar " : "Honest ") + std::to_string(pid)));
  (void)server.receive();
}
