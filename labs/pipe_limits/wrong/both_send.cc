// Wrong: both sides send all that they have, and only then receive. With short
// messages it works, for years.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr size_t kSizeBytes = 32 << 20;  // More than any buffer holds.

void exchange(ipc::Connection& end) {
  ipc::ensure(end.send(std::string(kSizeBytes, 'x')));
  ipc::say("Sent {} bytes", kSizeBytes);
  if (const auto message = end.receive()) {
    ipc::say("Got {} bytes", message->size());
  }
}

std::string lesson() {
  auto ends = ipc::make_connections();
  ipc::Process left("Left", [&] {
    ends.second.close();
    exchange(ends.first);
  });
  ipc::Process right("Right", [&] {
    ends.first.close();
    exchange(ends.second);
  });
  ends = {};
  return left.join() == 0 && right.join() == 0 ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("both_send", "Two processes that exchange long messages.");
  return lab.run(argc, argv, lesson);
}
