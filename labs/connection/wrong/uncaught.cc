// Wrong: an error with one client ends the server, and so all other
// connections.

#include <string>
#include <system_error>
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
    // A length of 2 GiB throws an exception, which is not caught.
    while (const auto message = client.receive()) {
      if (*message == "shutdown") return;
      ipc::ensure(client.send("Echo: " + *message));
    }
  }
}

bool is_served(const ipc::Address& address) try {
  ipc::Connection server = ipc::connect(address);
  (void)server.send("Hello");
  const auto echo = server.receive();
  if (!echo) return false;
  ipc::say("The next client is answered: {}", *echo);
  ipc::ensure(server.send("shutdown"));
  return true;
} catch (const std::system_error&) {
  return false;
}

std::string lesson() {
  ipc::Listener listener{ipc::Address("127.0.0.1:0")};
  ipc::Process server("Server", [&] { serve(listener); });
  listener.leave();
  ipc::Connection stranger = ipc::connect(listener.address());
  announce_too_much(stranger);
  stranger.close();
  const bool is_well = is_served(listener.address());
  const int status = server.join();
  if (status != 0) return "the server: " + ipc::describe_status(status);
  return is_well ? "" : "the next client is not served";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("uncaught", "One process that serves many clients.");
  return lab.run(argc, argv, lesson);
}
