// Wrong: the sender opens the FIFO before there is a receiver.
//
// Without O_NONBLOCK open(2) waits for the other side. The receiver is to be
// started when the sender is ready, and the sender is ready when there is one.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

std::string lesson() {
  const ipc::TempDir folder("fifo");
  const std::string path = folder.file("fifo");
  check(::mkfifo(path.c_str(), 0600), "mkfifo");
  ipc::Process sender("Sender", [&] {
    ipc::say("Opens the FIFO");
    const UniqueFd out(check(
        ipc::retry([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); }),
        "open"));
    check(::write(out.get(), "1", 1), "write");
  });
  if (sender.join() != 0) return "the sender failed";
  const UniqueFd in(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open"));
  char message = 0;
  check(::read(in.get(), &message, 1), "read");
  ipc::say("Received {}", message);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("fifo_without_reader",
               "One job over every mechanism that Linux has.");
  return lab.run(argc, argv, lesson);
}
