// Wrong: the counter of an eventfd is taken for a queue of messages.
//
// The sender takes each write for a message. But a read takes the sum of all
// that were written since the last read: two jobs, and the worker does one.

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr int kMessages = 2;

std::string lesson() {
  const ipc::UniqueFd jobs(
      ipc::check(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd"));
  ipc::Process sender("Sender", [&] {
    const uint64_t one = 1;
    for (int i = 0; i < kMessages; ++i) {
      ipc::check(::write(jobs.get(), &one, sizeof one), "write");
    }
  });
  if (sender.join() != 0) return "the sender failed";
  int received = 0;
  uint64_t job = 0;
  // With EFD_SEMAPHORE each read would take 1, and there would be two.
  while (::read(jobs.get(), &job, sizeof job) == sizeof job) ++received;
  ipc::say("Messages: sent {}, received {}", kMessages, received);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("eventfd_as_queue",
               "One job over every mechanism that Linux has.");
  return lab.run(argc, argv, lesson);
}
