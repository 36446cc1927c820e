// Wrong: each side waits for the other one's greeting before it greets.

#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

void greet(ipc::Connection& end) {
  if (const auto greeting = end.receive()) {
    ipc::say("Got {} bytes", greeting->size());
  }
  ipc::ensure(end.send("hello"));
  ipc::say("Sent 5 bytes");
}

std::string lesson() {
  auto ends = ipc::make_connections();
  ipc::Process left("Left", [&] {
    ends.second.close();
    greet(ends.first);
  });
  ipc::Process right("Right", [&] {
    ends.first.close();
    greet(ends.second);
  });
  ends = {};
  return left.join() == 0 && right.join() == 0 ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("both_receive", "Two processes that greet each other.");
  return lab.run(argc, argv, lesson);
}
