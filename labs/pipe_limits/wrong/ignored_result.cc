// Wrong: the sender does not look at what send() returns, and believes that its
// message has arrived.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void send_message(ipc::ConnectionPair& ends) {
  ends.second.close();
  ipc::say("Sending 5 bytes");
  (void)ends.first.send("hello");  // The result is dropped.
  ipc::say("Sent 5 bytes");
}

std::string lesson() {
  auto ends = ipc::make_connections();
  ends.second.close();  // There is no receiver any more.
  ipc::Process sender("Sender", [&] { send_message(ends); });
  ends = {};
  return sender.join() == 0 ? "" : "the sender failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_result", "A sender without a receiver.");
  return lab.run(argc, argv, lesson);
}
