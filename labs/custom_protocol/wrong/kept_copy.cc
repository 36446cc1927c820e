// Wrong: the server still has the client's end, as in the guide. When the
// client is dead there is no end of file, because one process could still
// write: the server itself.

#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/custom_protocol/protocol.h"

namespace {

using ipc::UniqueFd;

void serve(const UniqueFd& stream) {
  while (true) {
    const Read read = read_message(stream);
    if (read.status != Reading::ok) return;
    ipc::say("Received {} {}", describe(read.message.kind), read.message.id);
  }
}

std::string lesson() {
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
             "socketpair");
  UniqueFd client_end(fds[0]);
  UniqueFd server_end(fds[1]);
  // Its copy of `client_end` stays open.
  ipc::Process server("Server", [&] { serve(server_end); });
  server_end.reset();
  ipc::Process client("Client", [&] {
    send(client_end, {Kind::request, 1, "get_user"});
    ::raise(SIGKILL);
  });
  client_end.reset();
  client.join();
  return server.join() == 0 ? "" : "the server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("kept_copy", "Requests and answers on a stream of bytes.");
  return lab.run(argc, argv, lesson);
}
