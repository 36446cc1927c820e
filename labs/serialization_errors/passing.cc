#include "labs/serialization_errors/passing.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "common/base/errors.h"

namespace {

// Room for the control message, aligned as the kernel wants it.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

void send_descriptor(int socket, const ipc::UniqueFd& descriptor) {
  char byte = 'd';  // At least one byte must go with it.
  iovec data{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;  // [rights]
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = descriptor.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  ipc::check(
      ipc::retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); }),
      "sendmsg");
}

ipc::UniqueFd receive_descriptor(int socket) {
  char byte = 0;
  iovec data{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  // The socket of a Connection never blocks by itself.
  pollfd poll_fd{socket, POLLIN, 0};
  ipc::check(ipc::retry([&] { return ::poll(&poll_fd, 1, -1); }), "poll");
  ipc::check(
      ipc::retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); }),
      "recvmsg");
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    ipc::throw_error(EPROTO, "recvmsg");
  }
  int number = -1;
  std::memcpy(&number, CMSG_DATA(header), sizeof number);
  return ipc::UniqueFd(number);
}
