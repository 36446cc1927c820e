// Wrong: sends the number of a descriptor.
//
// In the receiver the same number is another file. Nothing fails: it reads what
// was meant for another reader.

#include <fcntl.h>
#include <unistd.h>

#include <span>
#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr int kNumber = 100;

// A pipe with a text in it, whose read end has the number kNumber.
ipc::Pipe pipe_with(const char (&text)[6]) {
  ipc::Pipe pipe = ipc::make_pipe();
  ipc::write_all(pipe.writer, std::as_bytes(std::span(text, 5)));
  pipe.reader.reset(
      ipc::check(::fcntl(pipe.reader.get(), F_DUPFD_CLOEXEC, kNumber),
                 "fcntl F_DUPFD_CLOEXEC"));
  return pipe;
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [&] {
    const ipc::Pipe diary = pipe_with("diary");
    const auto number = ends.second.receive();
    char text[5] = {};
    ipc::check(::read(std::stoi(*number), text, sizeof text), "read");
    ipc::say("A descriptor that came: '{}'", std::string(text, sizeof text));
  });
  const ipc::Pipe pipe = pipe_with("hello");
  ipc::ensure(ends.first.send(std::to_string(pipe.reader.get())));
  return receiver.join() == 0 ? "" : "the receiver failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("number_of_descriptor", "What cannot be sent as it is.");
  return lab.run(argc, argv, lesson);
}
