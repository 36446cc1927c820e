// Wrong: a request without a limit.
//
// The kernel of the other side has accepted the connection. The client cannot
// know whether the program there will ever answer, so it must stop waiting by
// itself.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/status_monitor/sites.h"

namespace {

void monitor(const std::string& address) {
  const std::string port = address.substr(address.find(':') + 1);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.sin_port = htons(static_cast<uint16_t>(std::stoi(port)));
  const ipc::UniqueFd fd(
      ipc::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  ipc::check(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&server),
                       sizeof server),
             "connect");
  constexpr std::string_view kRequest =
      "GET / HTTP/1.1\r\nHost: silent.test\r\n\r\n";
  ipc::check(::write(fd.get(), kRequest.data(), kRequest.size()), "write");
  ipc::say("Sent the request");
  std::array<char, 4096> bytes{};
  // Missing: a deadline.
  const auto size = ipc::check(::read(fd.get(), bytes.data(), 4096), "read");
  ipc::say("Got {} bytes", size);
}

std::string lesson() {
  const Sites sites;
  const std::string address = sites.all().at("silent.test").target.connect_to;
  ipc::Process process("Monitor for silent.test", [&] { monitor(address); });
  return process.join() == 0 ? "" : "the monitor failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("no_timeout", "A process watches each web server.");
  return lab.run(argc, argv, lesson);
}
