// Wrong: accept(2) fails when the process has no descriptor left, and the
// server ends because of that. One client too many ends it for all clients.

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
#include <list>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"

namespace {

constexpr size_t kUnsentMax = 65536;

struct Client {
  ipc::UniqueFd socket;
  std::string unsent = {};
  bool has_ended = false;  // It sends nothing more.
  bool is_gone = false;

  [[nodiscard]] short wanted() const {
    int events = 0;
    if (!has_ended && unsent.size() < kUnsentMax) events |= POLLIN;
    if (!unsent.empty()) events |= POLLOUT;
    return static_cast<short>(events);
  }
  [[nodiscard]] bool is_done() const {
    return is_gone || (has_ended && unsent.empty());
  }
};

bool may_try_again() { return errno == EAGAIN || errno == EINTR; }

void receive(Client& client) {
  std::array<char, kUnsentMax> data{};
  const size_t room = kUnsentMax - client.unsent.size();
  const ssize_t size = ::recv(client.socket.get(), data.data(), room, 0);
  if (size > 0) client.unsent.append(data.data(), static_cast<size_t>(size));
  if (size == 0) client.has_ended = true;
  if (size == -1 && !may_try_again()) client.is_gone = true;
}

// Sends what can be sent now. If the client is gone, that is an error of
// send(2) and not a signal.
void send(Client& client) {
  const ssize_t size = ::send(client.socket.get(), client.unsent.data(),
                              client.unsent.size(), MSG_NOSIGNAL);
  if (size >= 0) client.unsent.erase(0, static_cast<size_t>(size));
  if (size == -1 && !may_try_again()) client.is_gone = true;
}

ipc::UniqueFd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw std::runtime_error("the path is too long: " + path);
  }
  std::copy(path.begin(), path.end(), static_cast<char*>(address.sun_path));
  ipc::UniqueFd listener(ipc::check(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
      "socket"));
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

void serve(const ipc::UniqueFd& listener, const ipc::UniqueFd& end) {
  std::list<Client> clients;
  for (;;) {
    std::vector<pollfd> ready;
    ready.push_back({end.get(), POLLIN, 0});
    ready.push_back({listener.get(), POLLIN, 0});
    for (const Client& client : clients) {
      ready.push_back({client.socket.get(), client.wanted(), 0});
    }
    ipc::check(
        ipc::retry([&] { return ::poll(ready.data(), ready.size(), -1); }),
        "poll");
    if (ready[0].revents != 0) return;
    size_t number = 2;
    for (Client& client : clients) {
      const int events = ready[number++].revents;
      if ((events & POLLIN) != 0) receive(client);
      if (events != 0 && !client.unsent.empty()) send(client);
      if (events == POLLHUP && client.unsent.empty()) client.is_gone = true;
    }
    clients.remove_if([](const Client& c) { return c.is_done(); });
    if (ready[1].revents == 0) continue;
    const int fd = ::accept4(listener.get(), nullptr, nullptr,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    clients.push_back({ipc::UniqueFd(ipc::check(fd, "accept"))});
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
