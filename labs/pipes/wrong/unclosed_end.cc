// Wrong: the receiver keeps its own copy of the sender's end open.
//
// A stream ends when the last copy of the other end is closed. Here the last
// copy is the receiver's own: it waits for itself, forever.

#include <signal.h>

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void send_and_die(ipc::ConnectionPair& ends) {
  ends.second.close();
  ipc::say("Sent 'Message 0'");
  ipc::ensure(ends.first.send("Message 0"));
  ::raise(SIGKILL);
}

void receive_messages(ipc::ConnectionPair& ends) {
  // Missing: ends.first.close();
  while (const auto message = ends.second.receive()) {
    ipc::say("Got '{}'", *message);
  }
  ipc::say("Done receiving: end of file, no sender is left");
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process sender("Sender", [&] { send_and_die(ends); });
  ipc::Process receiver("Receiver", [&] { receive_messages(ends); });
  ends = {};
  sender.join();
  return receiver.join() == 0 ? "" : "the receiver failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("unclosed_end", "A receiver and a sender that is killed.");
  return lab.run(argc, argv, lesson);
}
