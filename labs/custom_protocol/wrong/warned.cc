// Wrong: as in the guide, a request that comes again gets a warning. The client
// asks again because it had no answer, and it never gets one.

#include <sys/socket.h>

#include <array>
#include <set>
#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/custom_protocol/protocol.h"

namespace {

using ipc::UniqueFd;

void serve(const UniqueFd& stream) {
  std::set<uint64_t> seen;  // It also grows forever.
  while (true) {
    const Read read = read_message(stream);
    if (read.status != Reading::ok) return;
    const bool is_new = seen.insert(read.message.id).second;
    send(stream, {is_new ? Kind::response : Kind::notification, read.message.id,
                  is_new ? "bought" : "duplicate_warning"});
  }
}

void buy(const UniqueFd& stream) {
  std::array<std::string, 2> answers;
  for (auto& answer : answers) {
    ipc::say("Sending buy_tablet request");
    send(stream, {Kind::request, 1, "buy_tablet"});
    const Read read = read_message(stream);
    answer = read.message.body;
    ipc::say("Received {} - {}", describe(read.message.kind), answer);
  }
  const bool same = answers[0] == answers[1];
  ipc::say("The answers are {}", same ? "the same" : "different");
}

std::string lesson() {
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
             "socketpair");
  UniqueFd client_end(fds[0]);
  UniqueFd server_end(fds[1]);
  ipc::Process server("Server", [&] {
    client_end.reset();
    serve(server_end);
  });
  server_end.reset();
  ipc::Process client("Client", [&] { buy(client_end); });
  client_end.reset();
  if (client.join() != 0) return "the client failed";
  return server.join() == 0 ? "" : "the server failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("warned", "Requests and answers on a stream of bytes.");
  return lab.run(argc, argv, lesson);
}
