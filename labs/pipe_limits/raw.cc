// pipe_limits, by system calls: pipe2, socketpair, write, poll, read.
//
//   Left  --write--> [ buffer ] --read-->  Right
//         <--read--  [ buffer ] <--write--
//
// Watch for: what `write` returns. It is how much the kernel has taken, which
// may be less than it was given; the rest is for the next call. Act 4 of the
// lab, the cure, is left out here: it makes the same calls in another order.

#include "labs/raw.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;
using Ends = std::array<int, 2>;

constexpr size_t kPieceBytes = 32 << 10;
constexpr int kRoomBytes = 512 << 10;
constexpr int kPatienceMs = 1000;
constexpr int kForever = -1;

// Both sides know how long the message is, so no length is sent before it.
size_t message_bytes = 0;

struct Side {
  const char* name;
  int data;
  int words;
};
using Role = void (*)(const Side& me);

// Neither pipes nor sockets block here, so that nothing waits but poll(2).
Ends make_sockets() {
  constexpr int kType = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
  Ends ends{};
  check(::socketpair(AF_UNIX, kType, 0, ends.data()), "socketpair");
  for (const int end : ends) {
    check(::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kRoomBytes, sizeof(int)),
          "setsockopt");  // [room]
  }
  return ends;
}

// Waits until `fd` can be read (POLLIN), or written (POLLOUT); false if not in
// time.
bool wait_until(int16_t event, int fd, int limit_ms) {
  pollfd wanted{fd, event, 0};
  return check(retry([&] { return ::poll(&wanted, 1, limit_ms); }), "poll") > 0;
}

// Writes up to `size` bytes while there is room; returns how many are left.
size_t write_what_fits(int fd, size_t size, size_t piece_bytes) {
  const std::string piece(piece_bytes, 'x');
  while (size > 0) {
    const ssize_t written = retry([&] {
      return ::write(fd, piece.data(), std::min(size, piece.size()));
    });
    if (written == -1 && errno == EAGAIN) break;           // [full]
    size -= static_cast<size_t>(check(written, "write"));  // [short]
  }
  return size;
}

size_t fill(const Ends& ends, size_t piece_bytes) {
  constexpr size_t kTooMuch = 1 << 30;
  const size_t left = write_what_fits(ends[1], kTooMuch, piece_bytes);
  for (const int end : ends) ::close(end);
  return kTooMuch - left;
}

size_t measure(size_t piece_bytes) {
  Ends pipe{};
  check(::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK), "pipe2");
  const size_t pipe_bytes = fill(pipe, piece_bytes);
  const size_t socket_bytes = fill(make_sockets(), piece_bytes);
  raw::say("Main", "In writes of " + std::to_string(piece_bytes) +
                       ": a pipe holds " + std::to_string(pipe_bytes) +
                       " bytes, a socket pair " + std::to_string(socket_bytes));
  return socket_bytes;
}

void say_size(const Side& me, const char* what) {
  raw::say(me.name, what + std::to_string(message_bytes) + " bytes");
}

void send_rest(const Side& me, size_t size) {
  while ((size = write_what_fits(me.data, size, kPieceBytes)) > 0) {
    (void)wait_until(POLLOUT, me.data, kForever);  // [wait]
  }
  say_size(me, "Sent ");
}

size_t begin_to_send(const Side& me) {
  say_size(me, "Sending ");
  const size_t left = write_what_fits(me.data, message_bytes, kPieceBytes);
  if (left > 0) raw::say(me.name, "The buffer is full, so I have to wait");
  return left;
}

void receive(const Side& me) {
  std::string message(message_bytes, '\0');
  for (size_t done = 0; done < message.size();) {
    (void)wait_until(POLLIN, me.data, kForever);
    const ssize_t got =
        check(retry([&] {
                return ::read(me.data, &message[done], message.size() - done);
              }),
              "read");
    if (got == 0) ipc::throw_error(EPIPE, "read: inside of the message");
    done += static_cast<size_t>(got);
  }
  say_size(me, "Got ");
}

// Returns when the other side has called it too, or has died since; if it was
// dead before, the write ends us by SIGPIPE.
void meet(const Side& me) {
  char word = '!';
  check(retry([&] { return ::write(me.words, &word, 1); }), "write");
  (void)wait_until(POLLIN, me.words, kForever);
  check(retry([&] { return ::read(me.words, &word, 1); }), "read");
}

void send_too_much(const Side& me) {
  const size_t left = begin_to_send(me);
  meet(me);
  send_rest(me, left);
}

void receive_late(const Side& me) {
  meet(me);
  receive(me);
}

void send_before_receiving(const Side& me) {
  (void)begin_to_send(me);
  meet(me);
  if (wait_until(POLLOUT, me.data, kPatienceMs)) {
    ipc::throw_error(EPROTO, "poll: there is room");
  }
  raw::say(me.name, "Stuck for a second: both sides send, neither receives");
  meet(me);
}

pid_t start(const Side& me, const Side& other, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");
  if (child != 0) return child;
  raw::be_child(me.name, parent, [&] {
    ::close(other.data);
    ::close(other.words);
    role(me);
  });
}

bool play(const char* title, Role left, Role right) {
  raw::say("Main", title);
  const Ends data = make_sockets();
  const Ends words = make_sockets();
  const Side one{"Left", data[0], words[0]};
  const Side other{"Right", data[1], words[1]};
  const std::array<pid_t, 2> children{start(one, other, left),
                                      start(other, one, right)};
  for (const int end : {data[0], data[1], words[0], words[1]}) ::close(end);
  bool is_well = true;
  for (const pid_t child : children) {
    int status = 0;
    check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
    is_well = is_well && status == 0;
  }
  return is_well;
}

std::string lesson() {
  raw::say("Main", "Act 1: how much fits into a buffer?");
  (void)measure(64);
  message_bytes = 4 * measure(4096);
  const bool is_well =
      play("Act 2: more than fits", send_too_much, receive_late) &&
      play("Act 3: both send before they receive", send_before_receiving,
           send_before_receiving);
  return is_well ? "" : "a process failed";
}

}  // namespace

int main() { return raw::run(lesson); }
