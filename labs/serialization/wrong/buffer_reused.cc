// Wrong: writes the next readings before the last ones were read.
//
// What is not copied is not sent: it lies there, and the sender may change it
// only when the receiver has given it back. Here the sender does not wait.

#include <string>

#include "common/base/hooks.h"
#include "common/explore/schedule.h"
#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/report/report.h"

namespace {

// The sender makes two messages, and the receiver should read the first in
// between; in this order it reads too late.
constexpr const char* kOrder = "AAB";

std::string lesson() {
  const ipc::Shared<int> buffer;
  ipc::Schedule schedule(true);
  schedule.add("Sender", [&] {
    *buffer = 7;
    ipc::say("Shared memory: sum 7, 1 readings in 5 bytes");
    ipc::point("told the receiver");
    *buffer = 8;  // Missing: wait until 7 was read.
  });
  schedule.add("Receiver", [&] { ipc::say("Shared memory: sum {}", *buffer); });
  return schedule.play(kOrder);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("buffer_reused", "What bytes are made of the same readings.");
  return lab.run(argc, argv, lesson);
}
