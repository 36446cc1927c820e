// Reaches for the machine's network: its loopback, the world, its sockets.

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "attack.h"

namespace {

void connects(const char* address, int port, int type) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<in_port_t>(port));
  inet_pton(AF_INET, address, &name.sin_addr);
  const auto* to = reinterpret_cast<sockaddr*>(&name);
  int error = connect(fd, to, sizeof name) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd writable{fd, POLLOUT, 0};
    socklen_t size = sizeof error;
    poll(&writable, 1, 500);
    if (writable.revents != 0) {
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  attack::unless(error != 0, std::string("connect:") + address);
  close(fd);
}

void connects_to_name(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, path.data(), path.size());
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  attack::unless(connect(fd, reinterpret_cast<sockaddr*>(&name), size) == -1,
                 "connect:unix");
  close(fd);
}

// Whether the kernel lets us change an interface.
void brings_up_an_interface() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct {
    nlmsghdr head;
    ifinfomsg info;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = RTM_NEWLINK;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
  struct {
    nlmsghdr head;
    nlmsgerr error;
    char rest[4096];
  } answer{};
  send(fd, &request, sizeof request, 0);
  recv(fd, &answer, sizeof answer, 0);
  attack::unless(answer.error.error != 0, "netlink");
  ifreq name{};
  strcpy(name.ifr_name, "lo");
  attack::unless(ioctl(fd, SIOCSIFFLAGS, &name) == -1, "lo down");
  close(fd);
}

}  // namespace

int main() {
  connects("127.0.0.1", canary::kPort, SOCK_STREAM);
  connects("192.0.2.1", 80, SOCK_STREAM);
  connects("192.0.2.1", 53, SOCK_DGRAM);
  connects_to_name(std::string("\0", 1) + canary::kAbstract);
  connects_to_name(canary::kSocket);
  connects_to_name("/run/dbus/system_bus_socket");
  connects_to_name("/var/run/docker.sock");
  brings_up_an_interface();
  for (const std::string& name : attack::names_in("/sys/class/net")) {
    attack::unless(name == "lo", "interface:" + name);
  }
  return attack::end();
}
