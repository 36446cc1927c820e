// Wrong: Main keeps its copy of the receiver's end. The receiver has gone, but
// the sender gets no error, because Main might still read.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

constexpr size_t kSizeBytes = 32 << 20;  // More than any buffer holds.

void send_much(ipc::ConnectionPair& ends) {
  ends.second.close();
  if (ends.first.send(std::string(kSizeBytes, 'x')) != ipc::Transfer::ok) {
    ipc::say("Not sent: nobody is left to receive it");
  }
}

std::string lesson() {
  auto ends = ipc::make_connections();
  ipc::Process receiver("Receiver", [] { ipc::say("I leave"); });
  ipc::Process sender("Sender", [&] { send_much(ends); });
  // Missing: ends = {};
  receiver.join();
  return sender.join() == 0 ? "" : "the sender failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("kept_copy", "A receiver that leaves.");
  return lab.run(argc, argv, lesson);
}
