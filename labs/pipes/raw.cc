// pipes, by system calls: pipe2, fork, close, poll, read, write, waitid.
//
//   Main --fork--> Sender === messages ==> Receiver <--fork-- Main
//                         <==  ready  ====
//
// Watch for: two pipes, because a pipe has one direction; and four calls of
// close in each process, without which no process would see the end of file.

#include "labs/raw.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/errors.h"

namespace {

using ipc::check;
using ipc::retry;

constexpr int kPollMs = 1000;

struct Pipe {
  int reader = -1;
  int writer = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");  // [pipe2]
  return {ends[0], ends[1]};
}

// The kernel may take less than it is given, and a signal may come first.
void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size =
        check(retry([&] { return ::write(fd, bytes.data(), bytes.size()); }),
              "write");  // [write]
    bytes.remove_prefix(static_cast<size_t>(size));
  }
}

// Reads until the buffer is full; false at end of file before the first byte.
// Throws EPIPE if the file ends later than that.
bool read_all(int fd, char* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        check(retry([&] { return ::read(fd, buffer + done, size - done); }),
              "read");  // [read]
    if (got == 0 && done == 0) return false;
    if (got == 0) ipc::throw_error(EPIPE, "read: inside of a message");
    done += static_cast<size_t>(got);
  }
  return true;
}

// A pipe carries bytes. A length in front of them makes a message of them.
void send_message(int fd, std::string_view text) {
  const auto size = static_cast<uint8_t>(text.size());
  std::string bytes(1, static_cast<char>(size));
  write_all(fd, bytes.append(text));  // [frame]
}

std::optional<std::string> receive_message(int fd) {
  char size = 0;
  if (!read_all(fd, &size, 1)) return std::nullopt;  // End of file.
  std::string text(static_cast<uint8_t>(size), '\0');
  if (!read_all(fd, text.data(), text.size())) ipc::throw_error(EPIPE, "read");
  return text;
}

void send_messages(Pipe messages, Pipe ready, int count, bool dies) {
  ::close(messages.reader);
  ::close(ready.writer);
  receive_message(ready.reader);
  raw::say("Sender", "Starting to send messages");
  for (int i = 0; i < count; ++i) {
    const std::string text = "Message " + std::to_string(i);
    raw::say("Sender", "Sent '" + text + "'");
    send_message(messages.writer, text);
  }
  if (dies) ::raise(SIGKILL);
  raw::say("Sender", "Done sending");
  send_message(messages.writer, "");
}

void receive_messages(Pipe messages, Pipe ready) {
  ::close(messages.writer);  // [close-receiver]
  ::close(ready.reader);
  raw::say("Receiver", "Starting to receive");
  pollfd wanted{messages.reader, POLLIN, 0};
  if (check(retry([&] { return ::poll(&wanted, 1, kPollMs); }), "poll") == 0) {
    raw::say("Receiver", "No message received in the last second");
  }
  send_message(ready.writer, "ready");
  while (const auto text = receive_message(messages.reader)) {
    if (text->empty()) {
      return raw::say("Receiver", "Done receiving: the sender said so");
    }
    raw::say("Receiver", "Got '" + *text + "'");
  }
  raw::say("Receiver", "Done receiving: end of file, no sender is left");
}

template <typename Role>
pid_t start(const char* name, Role role) {
  const pid_t parent = ::getpid();
  const pid_t child = check(::fork(), "fork");  // [fork]
  if (child == 0) raw::be_child(name, parent, role);
  return child;
}

// The exit status, or minus the signal that killed it.
int join(pid_t child) {
  siginfo_t how{};
  check(retry([&] {
          return ::waitid(P_PID, static_cast<id_t>(child), &how, WEXITED);
        }),
        "waitid");  // [waitid]
  return how.si_code == CLD_EXITED ? how.si_status : -how.si_status;
}

// Plays one act; returns how the sender ended, or -1 if the receiver failed.
int play(int count, bool dies) {
  const Pipe messages = make_pipe();
  const Pipe ready = make_pipe();
  const pid_t sender =
      start("Sender", [&] { send_messages(messages, ready, count, dies); });
  const pid_t receiver =
      start("Receiver", [&] { receive_messages(messages, ready); });
  for (const Pipe& pipe : {messages, ready}) {
    ::close(pipe.reader);
    ::close(pipe.writer);  // [close-main]
  }
  const int status = join(sender);
  return join(receiver) == 0 ? status : -1;
}

std::string lesson() {
  raw::say("Main", "Act 1: the sender says that it is done");
  if (play(5, false) != 0) return "a process failed in act 1";
  raw::say("Main", "Act 2: the sender is killed");
  if (play(2, true) != -SIGKILL) return "the sender was not killed";
  raw::say("Main", "The sender was killed by SIGKILL");
  raw::say("Main", "All done!");
  return "";
}

}  // namespace

int main() { return raw::run(lesson); }
