// Wrong: what is wrong with one client ends the server, and with it all others.

#include <string>
#include <utility>
#include <vector>

#include "common/lab/lab.h"
#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/connection/strangers.h"

namespace {

void serve(ipc::Listener& listener) {
  while (true) {
    ipc::Connection client = listener.accept();
    // An exception for a length of 2 GiB, which nobody catches.
    while (const auto message = client.receive()) {
      if (*message == "shutdown") return;
      ipc::ensure(client.send("Echo: " + *message));
    }
  }
}

std::string lesson() {
  ipc::Listener listener{ipc::Address("127.0.0.1:0")};
  ipc::Process server("Server", [&] { serve(listener); });
  listener.leave();
  ipc::Connection stranger = ipc::connect(listener.address());
  announce_too_much(stranger);
  stranger.close();
  const int status = server.join();
  return status == 0 ? "" : "the server: " + ipc::describe_status(status);
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("uncaught", "A server that one client can end.");
  return lab.run(argc, argv, lesson);
}
