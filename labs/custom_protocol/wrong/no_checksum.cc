// Wrong: a checksum is sent, but the server does not look at it. One flipped
// bit makes another request, which is answered as if it were meant.

#include <sys/socket.h>

#include <array>
#include <span>
#include <string>

#include "common/base/errors.h"
#include "common/lab/lab.h"
#include "common/process/pipe.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/custom_protocol/protocol.h"

namespace {

using ipc::UniqueFd;

void serve(const UniqueFd& stream) {
  const Read read = read_message(stream);
  if (read.status == Reading::end) return;
  const bool is_alice = read.message.body == "user 1";
  send(stream, {Kind::response, read.message.id, is_alice ? "Alice" : "Bob"});
}

void ask(const UniqueFd& stream) {
  std::string bytes = encode({Kind::request, 1, "user 3"});
  bytes.back() ^= 1;  // Now it says user 2.
  ipc::say("Sending a damaged request");
  ipc::write_all(stream, std::as_bytes(std::span(bytes)));
  const Read read = read_message(stream);
  ipc::say("Received {} - user_data: {}", describe(read.message.kind),
           read.message.body);
}

std::string lesson() {
  std::array<int, 2> fds{};
  ipc::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
             "socketpair");
  const std::array<UniqueFd, 2> ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  ipc::Process server("Server", [&] { serve(ends[1]); });
  ipc::Process client("Client", [&] { ask(ends[0]); });
  const bool good = client.join() == 0 && server.join() == 0;
  return good ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_checksum", "A bit that flips on the way.");
  return lab.run(argc, argv, lesson);
}
