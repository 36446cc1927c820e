// Wrong: the receiver does not close the writing end that it got by fork.
//
// read(2) returns 0 once no process has the writing end open any more. Here the
// reader itself has it open, and so waits forever.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "labs/raw.h"

namespace {

using ipc::check;
using ipc::retry;

void send_and_die(int reader, int writer) {
  ::close(reader);
  raw::say("Sender", "Sent 'Message 0'");
  const std::string_view message = "Message 0";
  check(retry([&] { return ::write(writer, message.data(), message.size()); }),
        "write");
  ::raise(SIGKILL);
}

void receive_messages(int reader) {
  // Missing: ::close(writer);
  std::array<char, 100> bytes{};
  while (const ssize_t size = check(
             retry([&] { return ::read(reader, bytes.data(), bytes.size()); }),
             "read")) {
    const std::string text(bytes.data(), static_cast<size_t>(size));
    raw::say("Receiver", "Got '" + text + "'");
  }
  raw::say("Receiver", "Done receiving: end of file, no sender is left");
}

std::string lesson() {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const pid_t self = ::getpid();
  const pid_t sender = check(::fork(), "fork");
  if (sender == 0) {
    raw::be_child("Sender", self, [&] { send_and_die(ends[0], ends[1]); });
  }
  const pid_t receiver = check(::fork(), "fork");
  if (receiver == 0) {
    raw::be_child("Receiver", self, [&] { receive_messages(ends[0]); });
  }
  for (const int end : ends) ::close(end);
  int status = 0;
  for (const pid_t child : {sender, receiver}) {
    check(retry([&] { return ::waitpid(child, &status, 0); }), "waitpid");
  }
  return status == 0 ? "" : "the receiver failed";
}

}  // namespace

int main() { return raw::run(lesson); }
