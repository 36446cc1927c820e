// Wrong: the guide's server talks with one client until that one is done, and
// then accepts the next. The first has connected and says nothing.

#include <string>
#include <utility>

#include "common/lab/lab.h"
#include "common/net/listener.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/connection/strangers.h"

namespace {

void serve(ipc::Listener& listener) {
  bool running = true;
  while (running) {
    ipc::Connection client = listener.accept();
    while (const auto message = client.receive()) {
      running = *message != "shutdown";
      if (*message == "close" || !running) break;
      ipc::ensure(client.send("Echo: " + *message));
    }
  }
}

void talk(const ipc::Address& address) {
  ipc::Connection server = ipc::connect(address);
  ipc::say("Sent 'Hello'");
  ipc::ensure(server.send("Hello"));
  ipc::say("Received: {}", *server.receive());
  ipc::ensure(server.send("shutdown"));
}

std::string lesson() {
  ipc::Listener listener{ipc::Address("127.0.0.1:0")};
  const auto silent = connect_silently(listener.address());
  ipc::Process server("Server", [&] { serve(listener); });
  listener.leave();
  ipc::Process client("Client 0", [&] { talk(listener.address()); });
  const bool good = client.join() == 0 && server.join() == 0;
  return good ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("one_at_a_time", "One process that serves many clients.");
  return lab.run(argc, argv, lesson);
}
