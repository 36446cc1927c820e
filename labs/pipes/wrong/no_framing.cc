// Wrong: takes each read(2) for one message.
//
// A pipe is a stream of bytes. Where one write ended and the next began is not
// kept, so two messages that lie in the pipe together are read as one.

#include <unistd.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void send_messages(ipc::Pipe& pipe) {
  pipe.reader.reset();
  for (const int i : {9, 10}) {  // Nine bytes, and ten.
    const std::string message = "Message " + std::to_string(i);
    ipc::say("Sent '{}'", message);
    ipc::write_all(pipe.writer, std::as_bytes(std::span(message)));
  }
}

void receive_messages(ipc::Pipe& pipe) {
  std::array<char, 100> bytes{};
  while (true) {
    const ssize_t size = ipc::check(
        ::read(pipe.reader.get(), bytes.data(), bytes.size()), "read");
    if (size == 0) return;
    ipc::say("Got '{}'",
             std::string_view(bytes.data(), static_cast<size_t>(size)));
  }
}

std::string lesson() {
  ipc::Pipe pipe = ipc::make_pipe();
  // One after the other: both messages are in the pipe before the first read.
  if (ipc::Process("Sender", [&] { send_messages(pipe); }).join() != 0) {
    return "the sender failed";
  }
  ipc::Process receiver("Receiver", [&] {
    pipe.writer.reset();
    receive_messages(pipe);
  });
  pipe = {};
  return receiver.join() == 0 ? "" : "the receiver failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_framing",
               "A sender, a receiver, and the end of the messages.");
  return lab.run(argc, argv, lesson);
}
