// Wrong: Main does not look at the exit status of its children.
//
// The receiver fails at the first message, and the report says that all went
// well: so do the examples of most guides.

#include <stdexcept>
#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void send_message(ipc::ConnectionPair& ends) {
  ends.second.close();
  ipc::say("Sent 'Message 0'");
  ipc::ensure(ends.first.send("Message 0"));
}

void receive_message(ipc::ConnectionPair& ends) {
  ends.first.close();
  const auto message = ends.second.receive();
  throw std::runtime_error("cannot understand '" + *message + "'");
}

std::string lesson() {
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process sender("Sender", [&] { send_message(ends); });
  ipc::Process receiver("Receiver", [&] { receive_message(ends); });
  ends = {};
  sender.join();
  receiver.join();  // Both results are dropped.
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("ignored_status", "A failed child goes unnoticed.");
  return lab.run(argc, argv, lesson);
}
