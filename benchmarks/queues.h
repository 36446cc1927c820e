// Queues that are compared with ipc::Queue. Each has a constructor that takes a
// QueueLoad, and put(const char*) and get(char*) for messages of its size. The
// queues of Boost and ZeroMQ are in peers/.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <span>
#include <string>
#include <utility>

#include "benchmarks/queue_load.h"
#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"
#include "common/channel/queue.h"
#include "common/channel/ring.h"
#include "common/process/pipe.h"

namespace ipc::bench {

class OurQueue {
 public:
  explicit OurQueue(const QueueLoad& load)
      : size_bytes_(load.size_bytes),
        queue_(static_cast<uint32_t>(load.slots()),
               load.slots() * (load.size_bytes + kHeaderBytes)) {}
  void put(const char* bytes) { ensure(queue_.put({bytes, size_bytes_})); }
  void get(char* bytes) {
    (void)queue_.get_into(item_);
    bytes[0] = item_.front();
  }

 private:
  static constexpr size_t kHeaderBytes = 8;

  size_t size_bytes_;
  Queue queue_;
  std::string item_;
};

// The limit for a queue: each side spins and never sleeps.
class Ring {
 public:
  explicit Ring(const QueueLoad& load) : ring_(load.slots(), load.size_bytes) {}
  void put(const char* bytes) {
    while (!ring_.try_put(bytes)) {
    }
  }
  void get(char* bytes) {
    while (!ring_.try_get(bytes)) {
    }
  }

 private:
  SpscRing ring_;
};

class OurConnection {
 public:
  explicit OurConnection(const QueueLoad& load)
      : size_bytes_(load.size_bytes), ends_(make_connections()) {}
  void put(const char* bytes) {
    ensure(ends_.first.send({bytes, size_bytes_}));
  }
  void get(char* bytes) { bytes[0] = ends_.second.receive()->front(); }

 private:
  size_t size_bytes_;
  ConnectionPair ends_;
};

inline std::span<const std::byte> bytes_of(const void* data, size_t size) {
  return {static_cast<const std::byte*>(data), size};
}
inline std::span<std::byte> bytes_of(void* data, size_t size) {
  return {static_cast<std::byte*>(data), size};
}

// Messages of one size through a stream of bytes, without headers.
class Stream {
 public:
  void put(const char* bytes) { write_all(in_, bytes_of(bytes, size_bytes_)); }
  void get(char* bytes) {
    IPC_CHECK(read_exact(out_, bytes_of(bytes, size_bytes_)));
  }

 protected:
  Stream(const QueueLoad& load, UniqueFd in, UniqueFd out)
      : size_bytes_(load.size_bytes),
        in_(std::move(in)),
        out_(std::move(out)) {}

  [[nodiscard]] size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] const UniqueFd& in() const { return in_; }
  [[nodiscard]] const UniqueFd& out() const { return out_; }

 private:
  size_t size_bytes_;
  UniqueFd in_;
  UniqueFd out_;
};

// Several processes may write at once if a message is at most PIPE_BUF bytes.
class RawPipe : public Stream {
 public:
  explicit RawPipe(const QueueLoad& load) : RawPipe(load, make_pipe()) {
    check(::fcntl(in().get(), F_SETPIPE_SZ, 1 << 20), "F_SETPIPE_SZ");
  }

 private:
  RawPipe(const QueueLoad& load, Pipe pipe)
      : Stream(load, std::move(pipe.writer), std::move(pipe.reader)) {}
};

// The first solution that comes to mind: a length, and then the bytes.
class FramedPipe : public Stream {
 public:
  explicit FramedPipe(const QueueLoad& load) : FramedPipe(load, make_pipe()) {}

  void put(const char* bytes) {
    const auto length = static_cast<uint32_t>(size_bytes());
    write_all(in(), bytes_of(&length, sizeof length));
    Stream::put(bytes);
  }
  void get(char* bytes) {
    uint32_t length = 0;
    IPC_CHECK(read_exact(out(), bytes_of(&length, sizeof length)));
    IPC_CHECK(length == size_bytes());
    Stream::get(bytes);
  }

 private:
  FramedPipe(const QueueLoad& load, Pipe pipe)
      : Stream(load, std::move(pipe.writer), std::move(pipe.reader)) {}
};

using FdPair = std::pair<UniqueFd, UniqueFd>;

inline FdPair make_sockets(int type) {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()),
        "socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

inline FdPair make_tcp() {
  const UniqueFd listener(
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  check(::bind(listener.get(), general, size), "bind");
  check(::listen(listener.get(), 1), "listen");
  check(::getsockname(listener.get(), general, &size), "getsockname");
  UniqueFd client(
      check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  check(::connect(client.get(), general, size), "connect");
  UniqueFd server(check(
      ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
  const int on = 1;
  for (const UniqueFd* end : {&client, &server}) {
    check(::setsockopt(end->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on),
          "TCP_NODELAY");
  }
  return {std::move(client), std::move(server)};
}

class UnixStream : public Stream {
 public:
  explicit UnixStream(const QueueLoad& load)
      : UnixStream(load, make_sockets(SOCK_STREAM)) {}

 private:
  UnixStream(const QueueLoad& load, FdPair ends)
      : Stream(load, std::move(ends.first), std::move(ends.second)) {}
};

class TcpStream : public Stream {
 public:
  explicit TcpStream(const QueueLoad& load) : TcpStream(load, make_tcp()) {}

 private:
  TcpStream(const QueueLoad& load, FdPair ends)
      : Stream(load, std::move(ends.first), std::move(ends.second)) {}
};

class SeqPacket {
 public:
  explicit SeqPacket(const QueueLoad& load)
      : size_bytes_(load.size_bytes), ends_(make_sockets(SOCK_SEQPACKET)) {
    const int size = 4 << 20;
    check(::setsockopt(ends_.first.get(), SOL_SOCKET, SO_SNDBUF, &size,
                       sizeof size),
          "SO_SNDBUF");
    // Exceeding the limit of the system needs root.
    (void)::setsockopt(ends_.first.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size,
                       sizeof size);
  }
  void put(const char* bytes) {
    check(::send(ends_.first.get(), bytes, size_bytes_, 0), "send");
  }
  void get(char* bytes) {
    check(::recv(ends_.second.get(), bytes, size_bytes_, 0), "recv");
  }

 private:
  size_t size_bytes_;
  FdPair ends_;
};

class PosixQueue {
 public:
  explicit PosixQueue(const QueueLoad& load) : size_bytes_(load.size_bytes) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;  // The kernel's default limit.
    attributes.mq_msgsize = static_cast<long>(load.size_bytes);
    const std::string name = "/ipc-labs-bench-" + std::to_string(::getpid());
    queue_ = UniqueFd(check(
        ::mq_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, &attributes),
        "mq_open"));
    check(::mq_unlink(name.c_str()), "mq_unlink");
  }
  void put(const char* bytes) {
    check(::mq_send(queue_.get(), bytes, size_bytes_, 0), "mq_send");
  }
  void get(char* bytes) {
    check(::mq_receive(queue_.get(), bytes, size_bytes_, nullptr),
          "mq_receive");
  }

 private:
  size_t size_bytes_;
  UniqueFd queue_;  // On Linux an mqd_t is a descriptor.
};

}  // namespace ipc::bench
