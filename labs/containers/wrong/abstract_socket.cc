// Wrong: the two containers are to meet at an abstract socket.
//
// Such a name needs no folder and leaves no file, so it works well, until both
// sides are put into containers: it is a name in a network namespace. What both
// can find is a path in a folder that both have mounted.

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/names.h"
#include "common/report/report.h"
#include "labs/containers/container.h"

namespace {

using ipc::check;

struct Place {
  explicit Place(const std::string& name)
      : size(static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                    name.size())) {
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path[1], name.data(), name.size());
  }
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&address);
  }
  sockaddr_un address{};
  socklen_t size;
};

ipc::UniqueFd open_socket() {
  return ipc::UniqueFd(
      check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
}

std::string lesson() {
  const Place place(ipc::unique_name("abstract"));
  ipc::ConnectionPair ends = ipc::make_connections();
  const auto drop = [&] { ends = {}; };
  Container first({.name = "Container A", .drop = drop}, [&] {
    ends.second.close();
    const ipc::UniqueFd server = open_socket();
    check(::bind(server.get(), place.get(), place.size), "bind");
    check(::listen(server.get(), 1), "listen");
    ipc::say("Listening");
    ipc::ensure(ends.first.send("listening"));
    (void)ends.first.receive();
    return 0;
  });
  Container second({.name = "Container B", .drop = drop}, [&] {
    ends.first.close();
    ipc::ensure(ends.second.receive().status);
    const ipc::UniqueFd client = open_socket();
    check(::connect(client.get(), place.get(), place.size), "connect");
    ipc::say("Connected");
    return 0;
  });
  drop();
  if (first.join() != 0) return "container A has failed";
  return second.join() == 0 ? "" : "container B has failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("abstract_socket",
               "Two containers, and the IPC that works across.");
  return lab.run(argc, argv, lesson);
}
