// Wrong: it serves one client until that leaves, and only then accepts the
// next. A client that is connected and silent keeps all others waiting.

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace {

ipc::UniqueFd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("the path is too long: " + path);
  }
  std::copy(path.begin(), path.end(), static_cast<char*>(address.sun_path));
  ipc::UniqueFd listener(
      ipc::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  ipc::check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
                    sizeof address),
             "bind");
  ipc::check(::listen(listener.get(), SOMAXCONN), "listen");
  return listener;
}

// Returns a descriptor that becomes readable when the program must end.
ipc::UniqueFd end_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ipc::check(::sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
  return ipc::UniqueFd(
      ipc::check(::signalfd(-1, &signals, SFD_CLOEXEC), "signalfd"));
}

// Sends back what the client sends, until the client closes.
void serve_one(const ipc::UniqueFd& client) {
  std::array<char, 65536> data{};
  for (;;) {
    const ssize_t size = ::recv(client.get(), data.data(), data.size(), 0);
    if (size <= 0) return;
    ssize_t sent = 0;
    while (sent < size) {
      const ssize_t more =
          ::send(client.get(), data.data() + sent,
                 static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (more == -1) return;
      sent += more;
    }
  }
}

void serve(const ipc::UniqueFd& listener, const ipc::UniqueFd& end) {
  for (;;) {
    std::array<pollfd, 2> ready{
        {{end.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}}};
    ipc::check(
        ipc::retry([&] { return ::poll(ready.data(), ready.size(), -1); }),
        "poll");
    if (ready[0].revents != 0) return;
    const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd != -1) serve_one(ipc::UniqueFd(fd));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    ::fputs("usage: echo_server <path>\n", stderr);
    return 2;
  }
  const std::string path = argv[1];
  try {
    const ipc::UniqueFd end = end_signals();
    const ipc::UniqueFd listener = listen_at(path);
    ::puts("ready");
    ::fflush(stdout);
    serve(listener, end);
    ::unlink(path.c_str());
  } catch (const std::exception& error) {
    ::fprintf(stderr, "echo_server: %s\n", error.what());
    return 1;
  }
  return 0;
}
