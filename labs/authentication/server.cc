#include "labs/authentication/server.h"

#include <sys/socket.h>

#include <sstream>
#include <string>

#include "common/base/errors.h"
#include "common/channel/connection.h"
#include "common/report/report.h"

void echo(ipc::Listener& listener) {
  ipc::say("Starting");
  bool is_open = true;
  while (is_open) {
    ipc::Connection client = listener.accept();  // [accept]
    while (const auto message = client.receive()) {
      is_open = *message != "shutdown";
      if (!is_open) break;
      ipc::say("Received '{}', echoing back", *message);
      (void)client.send("Echo: " + *message);
    }
  }
  listener.close();
  ipc::say("Stopped; {} never came in", listener.dropped_count());
}

void identify(ipc::Listener& listener) {
  ipc::say("Starting");
  for (int i = 0; i < 2; ++i) {
    ipc::Connection client = listener.accept();
    ucred peer{};
    socklen_t size = sizeof peer;
    ipc::check(::getsockopt(client.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size),
               "getsockopt SO_PEERCRED");  // [peer]
    const auto message = client.receive();
    std::istringstream words(*message);
    std::string name;
    pid_t pid = 0;
    words >> name >> pid;
    ipc::say("{} is {}", name,
             pid == peer.pid ? "who it says" : "not who it says");
    (void)client.send("Thank you");
  }
}
