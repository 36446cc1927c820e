// Wrong: a descriptor is passed to another process and kept as well.
//
// What is sent is a copy. Main gives the writing end of a pipe away and waits
// for the end of file, which comes when all copies are closed: its own, too.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"

namespace {

using ipc::check;
using ipc::UniqueFd;

// One byte, and room for a descriptor beside it; see cmsg(3).
struct Envelope {
  Envelope() {
    head.msg_iov = &part;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
  }
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr head{};
};

void pass(const UniqueFd& socket, int fd) {
  Envelope envelope;
  cmsghdr* const header = CMSG_FIRSTHDR(&envelope.head);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  check(::sendmsg(socket.get(), &envelope.head, MSG_NOSIGNAL), "sendmsg");
}

UniqueFd take(const UniqueFd& socket) {
  Envelope envelope;
  check(::recvmsg(socket.get(), &envelope.head, MSG_CMSG_CLOEXEC), "recvmsg");
  int fd = -1;
  const cmsghdr* const header = CMSG_FIRSTHDR(&envelope.head);
  if (header != nullptr) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

std::string lesson() {
  std::array<int, 2> pair{};
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()),
        "socketpair");
  const UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  ipc::Process sender("Sender", [&] {
    const UniqueFd out = take(theirs);
    ipc::say("Sent 36");
    check(::write(out.get(), "36", 2), "write");
  });
  theirs.reset();
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const UniqueFd in(ends[0]);
  const UniqueFd out(ends[1]);
  pass(ours, out.get());
  // Missing: out.reset().
  std::string text;
  std::array<char, 10> buffer{};
  while (const ssize_t size = check(ipc::retry([&] {
                                      return ::read(in.get(), buffer.data(),
                                                    buffer.size());
                                    }),
                                    "read")) {
    text.append(buffer.data(), static_cast<size_t>(size));
  }
  ipc::say("Sums: sent 36, received {}", text);
  return sender.join() == 0 ? "" : "the sender failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("descriptor_kept",
               "One job over every mechanism that Linux has.");
  return lab.run(argc, argv, lesson);
}
