#include "common/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/wait_ready.h"

namespace ipc {
namespace {

// What epoll reports: the timer, a listening socket by its index, or a peer by
// its number.
constexpr uint64_t kTimer = 0;
constexpr uint64_t kFirstListening = 1;
constexpr uint64_t kFirstPeer = uint64_t{1} << 32U;

// How many ports are tried to find one that is free at all addresses of a name.
constexpr size_t kPortTries = 100;

// A call of try_accept() ends after this many events, even if more are there.
constexpr int kEventsMax = 256;
// How long no peer is accepted when there is no descriptor left.
constexpr double kPauseS = 0.1;

constexpr int kSocketFlags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

UniqueFd make_socket(int family) {
  return UniqueFd(check(::socket(family, kSocketFlags, 0), "socket"));
}

void set_option(int fd, int level, int name, int value, const char* text) {
  check(::setsockopt(fd, level, name, &value, sizeof value),
        (std::string("setsockopt ") + text).c_str());
}

// How a connection to a host behaves; see tcp(7).
void set_up_tcp(int fd, int family, double silence_max_s) {
  if (family == AF_UNIX) return;
  // Each write is a whole message, so waiting for more bytes would gain nothing
  // and cost much time.
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (silence_max_s <= 0) return;
  // If nothing was sent for half of the time, the kernel asks every second
  // whether the other machine is there. The limit holds for its answer, and for
  // the acknowledgement of what was sent.
  const int idle_s = std::max(1, static_cast<int>(silence_max_s / 2));
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s, "TCP_KEEPIDLE");
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1, "TCP_KEEPINTVL");
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
             static_cast<int>(silence_max_s * 1e3), "TCP_USER_TIMEOUT");
}

// The kernel may give a port on which no process listens to the very socket
// that connects to it, which then is connected to itself. See RFC 9293,
// "simultaneous open".
void refuse_self(int fd) {
  const SocketAddress own = own_address(fd);
  if (own.family() == AF_UNIX || own.text() != peer_address(fd).text()) return;
  // An ordinary close would keep the port in use for another minute.
  const linger at_once{1, 0};
  check(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
        "setsockopt SO_LINGER");
  throw_error(ECONNREFUSED, "connect");
}

// Whether the process at the other end of a path is of this user, or of root.
bool is_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  check(::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size),
        "getsockopt SO_PEERCRED");
  return peer.uid == ::geteuid() || peer.uid == 0;
}

// Throws if others could replace what is in the folder of `path`.
void check_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  struct stat info {};
  check(::stat(folder.c_str(), &info), "stat: folder of the socket");
  const bool ours = info.st_uid == ::geteuid() || info.st_uid == 0;
  const bool open = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  if (!ours || (open && !sticky)) {
    throw_error(EPERM, "listen: other users may replace files in the folder");
  }
}

// The name of a connection in the event log, which both ends know.
void name_channel(Connection& connection, const SocketAddress& client,
                  char side) {
  if (client.family() == AF_UNIX) {
    // Connections to one path have no address that tells them apart.
    connection.name_channel("Connection " + std::to_string(::getpid()) + "/" +
                                std::to_string(connection.fd()),
                            side);
  } else {
    connection.name_channel("Connection " + client.text_for_both(), side);
  }
}

// connect(2) to a path with a deadline. If the backlog is full, a blocking
// socket waits for room, and a non-blocking one could only ask again and again.
void connect_path(int fd, const SocketAddress& address, Deadline deadline) {
  set_blocking(fd, true);
  while (true) {
    if (!deadline.is_never()) {
      const int64_t left_us = std::max<int64_t>(deadline.left_ns() / 1000, 1);
      const timeval left{left_us / 1'000'000, left_us % 1'000'000};
      check(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left),
            "setsockopt SO_SNDTIMEO");
    }
    if (::connect(fd, address.get(), address.size) == 0) return;
    if (errno == EAGAIN) throw_error(ETIMEDOUT, "connect");
    if (errno != EINTR) throw_error(errno, "connect");
  }
}

// The same to a host, on a socket that does not block.
void connect_host(int fd, const SocketAddress& address, Deadline deadline) {
  if (::connect(fd, address.get(), address.size) == 0) return;
  if (errno != EINPROGRESS && errno != EINTR) throw_error(errno, "connect");
  if (!wait_ready(fd, POLLOUT, deadline)) throw_error(ETIMEDOUT, "connect");
  int error = 0;
  socklen_t size = sizeof error;
  check(::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size),
        "getsockopt SO_ERROR");
  check_zero(error, "connect");
}

UniqueFd connect_to(const SocketAddress& place, double silence_max_s,
                    Deadline deadline) {
  UniqueFd fd = make_socket(place.family());
  if (place.family() == AF_UNIX) {
    connect_path(fd.get(), place, deadline);
  } else {
    connect_host(fd.get(), place, deadline);
    refuse_self(fd.get());
  }
  set_up_tcp(fd.get(), place.family(), silence_max_s);
  return fd;
}

// An equal part of the time for each address that is still to be tried.
Deadline share_of(Deadline deadline, size_t left) {
  if (deadline.is_never()) return deadline;
  return Deadline::after(static_cast<double>(deadline.left_ns()) * 1e-9 /
                         static_cast<double>(left));
}

UniqueFd connect_to_any(const Address& address, double silence_max_s,
                        Deadline deadline) {
  const auto found = resolve(address);
  std::exception_ptr first;
  for (size_t i = 0; i < found.size(); ++i) {
    try {
      return connect_to(found[i], silence_max_s,
                        share_of(deadline, found.size() - i));
    } catch (const std::system_error&) {
      if (!first) first = std::current_exception();
    }
  }
  std::rethrow_exception(first);
}

std::string receive_answer(Connection& connection, Deadline deadline) {
  Received received = connection.receive_until(deadline);
  if (received.status == Transfer::timed_out) {
    throw_error(ETIMEDOUT, "connect: no answer from the listener");
  }
  if (!received) throw_error(EACCES, "connect: the listener has hung up");
  return std::move(received.message);
}

void authenticate(Connection& connection, const ClientOptions& options,
                  const std::string& listener_address, Deadline deadline) {
  auto us =
      Authenticator::client(options.protocol, options.key, listener_address);
  connection.set_max_bytes(Authenticator::kMaxBytes);
  while (us.state() == AuthState::waiting) {
    const std::string reply = us.answer(receive_answer(connection, deadline));
    if (reply.empty()) continue;
    const Transfer sent = connection.send_until(reply, deadline);
    if (sent == Transfer::timed_out || sent == Transfer::partial) {
      throw_error(ETIMEDOUT, "connect: the listener does not read");
    }
  }
  if (us.state() == AuthState::failed) {
    throw_error(EACCES, ("connect: " + us.problem()).c_str());
  }
  connection.set_max_bytes(options.max_bytes);
}

}  // namespace

Connection connect_until(const Address& address, const ClientOptions& options,
                         Deadline deadline) {
  UniqueFd fd = connect_to_any(address, options.silence_max_s, deadline);
  if (address.is_path() && !is_same_user(fd.get())) {
    throw_error(EACCES, "connect: the listener belongs to another user");
  }
  const std::string listener_address = peer_address(fd.get()).text_for_both();
  const SocketAddress own = own_address(fd.get());
  Connection connection(std::move(fd), options.max_bytes);
  if (!options.key.empty()) {
    authenticate(connection, options, listener_address, deadline);
  }
  name_channel(connection, own, 'a');
  return connection;
}

Connection connect(const Address& address, const ClientOptions& options) {
  return connect_until(address, options, Deadline::never());
}

Listener::Listener(const Address& address, ListenerOptions options)
    : address_(address),
      options_(std::move(options)),
      maker_(::getpid()),
      next_number_(kFirstPeer) {
  const std::vector<SocketAddress> places = resolve(address);
  try {
    std::vector<UniqueFd> tried;
    while (!bind_all(places, tried)) {
      if (tried.size() == kPortTries) {
        throw_error(EADDRINUSE, "bind: no port is free at all addresses");
      }
    }
    for (const UniqueFd& socket : sockets_) {
      check(::listen(socket.get(), options_.backlog), "listen");
    }
    watch();
  } catch (...) {
    leave();
    unlink_path();
    throw;
  }
}

Listener::~Listener() {
  if (maker_ == ::getpid()) {
    close();
  } else {
    leave();
  }
}

// Makes a socket for each place. False if the kernel was asked to choose a port
// and has chosen one that is free at one of the addresses and in use at
// another. Then the socket that has the port is added to `tried`, so that the
// kernel does not choose the port again.
bool Listener::bind_all(std::vector<SocketAddress> places,
                        std::vector<UniqueFd>& tried) {
  const bool may_choose = !address_.is_path() && places.front().port() == 0;
  std::exception_ptr missing;
  for (SocketAddress& place : places) {
    try {
      if (!sockets_.empty())
        place.set_port(own_address(sockets_[0].get()).port());
      sockets_.push_back(bind_to(place, places.size() > 1));
    } catch (const std::system_error& error) {
      const int code = error.code().value();
      if (code == EADDRINUSE && may_choose && !sockets_.empty()) {
        tried.push_back(std::move(sockets_.front()));
        sockets_.clear();
        return false;
      }
      // A machine without IPv6, for example. Not EADDRINUSE: the process
      // that listens there would get some of our clients.
      if (code != EADDRNOTAVAIL && code != EAFNOSUPPORT) throw;
      if (!missing) missing = std::current_exception();
    }
  }
  if (sockets_.empty()) std::rethrow_exception(missing);
  if (!address_.is_path()) {
    address_ = Address(own_address(sockets_.front().get()).text());
  }
  return true;
}

UniqueFd Listener::bind_to(const SocketAddress& place, bool is_one_of_several) {
  UniqueFd fd = make_socket(place.family());
  if (place.family() == AF_UNIX) {
    bind_path(fd.get(), place);
  } else {
    // A port that was in use a moment ago may be used again; see socket(7).
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (place.family() == AF_INET6 && is_one_of_several) {
      // IPv4 has sockets of its own, and "::" would take their port.
      set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
    }
    check(::bind(fd.get(), place.get(), place.size), "bind");
  }
  return fd;
}

void Listener::bind_path(int fd, const SocketAddress& place) {
  check_folder(address_.text());
  // Before it has a name, so that it never has another mode.
  check(::fchmod(fd, 0600), "fchmod: socket");
  check(::bind(fd, place.get(), place.size), "bind");
  const char* const path = address_.text().c_str();
  struct stat info {};
  if (::lstat(path, &info) == -1) {
    const int error = errno;
    ::unlink(path);  // It is ours, but close() could not see that.
    throw_error(error, "lstat: socket");
  }
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

// Makes the epoll instance and the timer of this process. Those that a child
// has inherited are still its parent's, so the child makes its own.
void Listener::watch() {
  IPC_CHECK(!sockets_.empty());
  if (watcher_ == ::getpid()) return;
  incomplete_.clear();
  pause_.reset();
  epoll_ = UniqueFd(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  timer_ = UniqueFd(
      check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
            "timerfd_create"));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kTimer;
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event),
        "epoll_ctl");
  for (size_t i = 0; i < sockets_.size(); ++i) {
    event.data.u64 = kFirstListening + i;
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, sockets_[i].get(), &event),
          "epoll_ctl");
  }
  watcher_ = ::getpid();
}

int Listener::fd() {
  watch();
  return epoll_.get();
}

void Listener::watch_listening(bool wanted) {
  epoll_event event{};
  event.events = wanted ? EPOLLIN : 0U;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    event.data.u64 = kFirstListening + i;
    check(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, sockets_[i].get(), &event),
          "epoll_ctl");
  }
}

std::optional<Connection> Listener::try_accept() {
  watch();
  for (int i = 0; i < kEventsMax; ++i) {
    epoll_event event{};
    const int count =
        retry([&] { return ::epoll_wait(epoll_.get(), &event, 1, 0); });
    if (check(count, "epoll_wait") == 0) break;
    std::optional<Connection> complete;
    if (event.data.u64 == kTimer) {
      handle_timer();
    } else if (event.data.u64 < kFirstPeer) {
      complete = accept_one(
          sockets_[static_cast<size_t>(event.data.u64 - kFirstListening)]
              .get());
    } else if (const auto peer = incomplete_.find(event.data.u64);
               peer != incomplete_.end()) {
      complete = go_on(peer);
    }
    if (complete) return complete;
  }
  return std::nullopt;
}

std::optional<Connection> Listener::accept_until(Deadline deadline) {
  while (true) {
    if (auto complete = try_accept()) return complete;
    if (!wait_ready(fd(), POLLIN, deadline)) return std::nullopt;
  }
}

// Takes one peer from the kernel. A peer that has gone already, or an error of
// its network, is not an error of ours: accept(2), "Error handling".
std::optional<Connection> Listener::accept_one(int listening) {
  UniqueFd fd(
      ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  try {
    if (fd) return begin(std::move(fd));
  } catch (const std::system_error&) {
    ++dropped_count_;  // For lack of memory, for example. Others go on.
    return std::nullopt;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
      errno == ENOMEM) {
    have_no_descriptor();
  } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK ||
             errno == EOPNOTSUPP || errno == EFAULT) {
    throw_error(errno, "accept4");
  }
  return std::nullopt;
}

// Drops the oldest incomplete peer to make room. If there is none, the
// descriptors are used for something else, and trying again at once would be a
// busy loop.
void Listener::have_no_descriptor() {
  if (!incomplete_.empty()) {
    drop(incomplete_.begin());
    return;
  }
  pause_ = Deadline::after(kPauseS);
  watch_listening(false);
  set_timer();
}

std::optional<Connection> Listener::begin(UniqueFd fd) {
  SocketAddress client;
  if (::getpeername(fd.get(), client.get(), &client.size) == -1) {
    ++dropped_count_;  // It has gone already.
    return std::nullopt;
  }
  if (client.family() == AF_UNIX && !is_same_user(fd.get())) {
    ++dropped_count_;
    return std::nullopt;
  }
  set_up_tcp(fd.get(), client.family(), options_.silence_max_s);
  const std::string own = own_address(fd.get()).text_for_both();
  Connection connection(std::move(fd), options_.max_bytes);
  name_channel(connection, client, 'b');
  if (options_.key.empty()) return connection;

  connection.set_max_bytes(Authenticator::kMaxBytes);
  while (incomplete_.size() >= options_.incomplete_max) {
    drop(incomplete_.begin());
  }
  const uint64_t number = next_number_++;
  const Deadline deadline =
      Deadline::after(options_.incomplete_max_s * time_scale());
  const auto peer =
      incomplete_
          .emplace(number, Incomplete{std::move(connection),
                                      Authenticator::listener(
                                          options_.protocol, options_.key, own),
                                      deadline})
          .first;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer->second.connection.fd(),
                  &event) == -1) {
    drop(peer);  // We would never notice its messages.
    return std::nullopt;
  }
  if (incomplete_.size() == 1) set_timer();
  const std::string& first = peer->second.authenticator.first_message();
  if (peer->second.connection.send_until(first, Deadline::at_ns(0)) !=
      Transfer::ok) {
    drop(peer);
  }
  return std::nullopt;
}

// Takes what has come from a peer, one message at most.
std::optional<Connection> Listener::go_on(Peers::iterator peer) {
  auto& [connection, authenticator, deadline] = peer->second;
  try {
    const Received received = connection.receive_until(Deadline::at_ns(0));
    if (received.status == Transfer::timed_out) return std::nullopt;
    if (received) {
      const std::string reply = authenticator.answer(*received);
      // These few bytes always fit, unless the peer makes trouble.
      const bool sent =
          reply.empty() ||
          connection.send_until(reply, Deadline::at_ns(0)) == Transfer::ok;
      if (sent && authenticator.state() == AuthState::waiting) {
        return std::nullopt;
      }
      if (sent && authenticator.state() == AuthState::done) {
        check(
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.fd(), nullptr),
            "epoll_ctl");
        Connection complete = std::move(connection);
        complete.set_max_bytes(options_.max_bytes);
        incomplete_.erase(peer);
        return complete;
      }
    }
  } catch (const std::system_error&) {
    // An impossible length, or an error of its network.
  }
  drop(peer);
  return std::nullopt;
}

void Listener::drop(Peers::iterator peer) {
  // A child of ours may have a copy of the descriptor: that alone would keep
  // the connection open, and watched.
  const int fd = peer->second.connection.fd();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  ::shutdown(fd, SHUT_RDWR);
  incomplete_.erase(peer);
  ++dropped_count_;
}

void Listener::handle_timer() {
  uint64_t ignored = 0;
  (void)!::read(timer_.get(), &ignored, sizeof ignored);
  while (!incomplete_.empty() &&
         incomplete_.begin()->second.deadline.expired()) {
    drop(incomplete_.begin());
  }
  if (pause_ && pause_->expired()) {
    pause_.reset();
    watch_listening(true);
  }
  set_timer();
}

// Sets the timer to the first deadline. All peers get the same time, so the
// first deadline is the oldest peer's. If that peer goes before, the timer
// wakes us for nothing.
void Listener::set_timer() {
  Deadline first = pause_.value_or(Deadline::never());
  if (!incomplete_.empty()) {
    first = first.sooner(incomplete_.begin()->second.deadline);
  }
  itimerspec time{};
  if (!first.is_never()) time.it_value = first.to_timespec();
  check(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr),
        "timerfd_settime");
}

void Listener::close() {
  if (sockets_.empty()) return;
  leave();
  unlink_path();
}

void Listener::unlink_path() const {
  if (!address_.is_path()) return;
  struct stat info {};
  const char* const path = address_.text().c_str();
  if (::lstat(path, &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_) {
    ::unlink(path);
  }
}

void Listener::leave() {
  while (watcher_ == ::getpid() && !incomplete_.empty()) {
    drop(incomplete_.begin());
  }
  incomplete_.clear();
  timer_.reset();
  epoll_.reset();
  watcher_ = -1;
  sockets_.clear();
}

}  // namespace ipc
