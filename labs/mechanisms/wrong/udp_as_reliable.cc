// Wrong: datagrams are taken for reliable.
//
// send(2) succeeds, so the sender continues. But the receiver has no time to
// receive, and what does not fit into its buffer is dropped; neither side is
// told.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

constexpr uint64_t kMessages = 10'000;

void send_messages(const sockaddr_in& address) {
  const UniqueFd out(check(::socket(AF_INET, SOCK_DGRAM, 0), "socket"));
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  check(::connect(out.get(), to, sizeof address), "connect");
  for (uint64_t number = 1; number <= kMessages; ++number) {
    check(::send(out.get(), &number, sizeof number, 0), "send");
  }
}

std::string lesson() {
  const UniqueFd in(
      check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const here = reinterpret_cast<sockaddr*>(&address);
  check(::bind(in.get(), here, sizeof address), "bind");
  socklen_t size = sizeof address;
  check(::getsockname(in.get(), here, &size), "getsockname");

  ipc::Process sender("Sender", [&] { send_messages(address); });
  if (sender.join() != 0) return "the sender failed";
  uint64_t received = 0;
  uint64_t number = 0;
  while (::recv(in.get(), &number, sizeof number, MSG_DONTWAIT) > 0) ++received;
  ipc::say("Messages: sent {}, received {}", kMessages, received);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("udp_as_reliable",
               "One job over every mechanism that Linux has.");
  return lab.run(argc, argv, lesson);
}
