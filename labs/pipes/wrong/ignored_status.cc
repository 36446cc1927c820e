// Wrong: Main does not look at the exit status of its children.
//
// The sender is killed after the first of two messages, and the report says
// that all went well: so do the examples of most guides.

#include <signal.h>

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void send_and_die(ipc::ConnectionPair& ends) {
  ends.second.close();
  ipc::say("Starting to send messages");
  ipc::say("Sent 'Message 0'");
  ipc::ensure(ends.first.send("Message 0"));
  ::raise(SIGKILL);
  ipc::say("Sent 'Message 1'");
  ipc::ensure(ends.first.send("Message 1"));
  ipc::say("Done sending");
}

void receive_messages(ipc::ConnectionPair& ends) {
  ends.first.close();
  while (const auto message = ends.second.receive()) {
    ipc::say("Got '{}'", *message);
  }
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process sender("Sender", [&] { send_and_die(ends); });
  ipc::Process receiver("Receiver", [&] { receive_messages(ends); });
  ends = {};
  sender.join();
  receiver.join();
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_status", "A sender that is killed.");
  return lab.run(argc, argv, lesson);
}
