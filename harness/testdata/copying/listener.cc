// A child connects over TCP with the key, and sends a message.
#include "common/net/listener.h"

#include <sys/wait.h>
#include <unistd.h>

int main() {
  ipc::Listener listener(ipc::Address("127.0.0.1:0"), {.key = "secret"});
  const pid_t child = ::fork();
  if (child == 0) {
    ipc::Connection server =
        ipc::connect(listener.address(), {.key = "secret"});
    ensure(server.send("hello"));
    ::_exit(0);
  }
  auto client = listener.accept_until(ipc::Deadline::after(10));
  const bool came = client && client->receive().message == "hello";
  ::waitpid(child, nullptr, 0);
  return came ? 0 : 1;
}
