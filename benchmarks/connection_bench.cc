// Compares ipc::Connection with the descriptor that it is made of, and with the
// first solution that comes to mind over such a descriptor.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "benchmarks/bench.h"
#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/unique_fd.h"
#include "common/channel/connection.h"

namespace ipc::bench {
namespace {

constexpr size_t kSmallBytes = 64;
constexpr size_t kLargeBytes = 1 << 20;

void read_all(int fd, char* bytes, size_t size) {
  while (size > 0) {
    const auto some =
        static_cast<size_t>(check(::read(fd, bytes, size), "read"));
    IPC_CHECK(some > 0);
    bytes += some;
    size -= some;
  }
}

void write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const auto some =
        static_cast<size_t>(check(::write(fd, bytes, size), "write"));
    bytes += some;
    size -= some;
  }
}

// Each channel has two sides, 0 and 1, and messages of one size between them.

class Ours {
 public:
  explicit Ours(size_t size_bytes) : size_bytes_(size_bytes) {
    auto [first, second] = make_connections();
    ends_[0] = std::move(first);
    ends_[1] = std::move(second);
  }
  void send(size_t side, const char* bytes) {
    IPC_CHECK(ends_[side].send({bytes, size_bytes_}) == Transfer::ok);
  }
  void receive(size_t side, char* bytes) {
    const Received received = ends_[side].receive();
    bytes[0] = received->front();
  }

 private:
  size_t size_bytes_;
  std::array<Connection, 2> ends_;
};

// The same kind of socket, without length headers: a message is one packet, or
// as few packets as the kernel allows.
class RawSocket {
 public:
  explicit RawSocket(size_t size_bytes) : size_bytes_(size_bytes) {
    std::array<int, 2> fds{};
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()),
          "socketpair");
    for (size_t side = 0; side < fds.size(); ++side) {
      ends_[side] = UniqueFd(fds[side]);
      if (size_bytes == kLargeBytes) packet_bytes_ = make_room(fds[side]);
    }
  }
  void send(size_t side, const char* bytes) {
    for (size_t done = 0; done < size_bytes_;) {
      const size_t size = std::min(packet_bytes_, size_bytes_ - done);
      write_all(ends_[side].get(), bytes + done, size);
      done += size;
    }
  }
  void receive(size_t side, char* bytes) {
    read_all(ends_[side].get(), bytes, size_bytes_);
  }

 private:
  // Asks for a larger send buffer. Returns how long a packet may be then.
  static size_t make_room(int fd) {
    int room_bytes = kLargeBytes;  // The kernel doubles what it grants.
    socklen_t size = sizeof room_bytes;
    check(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room_bytes, size),
          "SO_SNDBUF");
    check(::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room_bytes, &size),
          "SO_SNDBUF");
    return static_cast<size_t>(room_bytes) / 2;
  }

  size_t size_bytes_;
  size_t packet_bytes_ = kLargeBytes;
  std::array<UniqueFd, 2> ends_;
};

// The first solution that comes to mind: a length, and then the bytes.
void write_framed(int fd, const char* bytes, size_t size) {
  const auto length = static_cast<uint32_t>(size);
  write_all(fd, reinterpret_cast<const char*>(&length), sizeof length);
  write_all(fd, bytes, size);
}

void read_framed(int fd, char* bytes) {
  uint32_t length = 0;
  read_all(fd, reinterpret_cast<char*>(&length), sizeof length);
  read_all(fd, bytes, length);
}

class FramedSocket {
 public:
  explicit FramedSocket(size_t size_bytes) : size_bytes_(size_bytes) {
    std::array<int, 2> fds{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()),
          "socketpair");
    for (size_t side = 0; side < fds.size(); ++side) {
      ends_[side] = UniqueFd(fds[side]);
    }
  }
  void send(size_t side, const char* bytes) {
    write_framed(ends_[side].get(), bytes, size_bytes_);
  }
  void receive(size_t side, char* bytes) {
    read_framed(ends_[side].get(), bytes);
  }

 private:
  size_t size_bytes_;
  std::array<UniqueFd, 2> ends_;
};

// One pipe for each direction.
class FramedPipe {
 public:
  explicit FramedPipe(size_t size_bytes) : size_bytes_(size_bytes) {
    for (size_t side = 0; side < readers_.size(); ++side) {
      std::array<int, 2> fds{};
      check(::pipe2(fds.data(), O_CLOEXEC), "pipe2");
      readers_[1 - side] = UniqueFd(fds[0]);
      writers_[side] = UniqueFd(fds[1]);
    }
  }
  void send(size_t side, const char* bytes) {
    write_framed(writers_[side].get(), bytes, size_bytes_);
  }
  void receive(size_t side, char* bytes) {
    read_framed(readers_[side].get(), bytes);
  }

 private:
  size_t size_bytes_;
  std::array<UniqueFd, 2> readers_;
  std::array<UniqueFd, 2> writers_;
};

// A message that begins with E is the last one.
template <typename Channel>
Figure run_round_trip(Placement place) {
  Channel channel(kSmallBytes);
  return run(place, {[&](Lane& lane) {
                       std::vector<char> bytes(kSmallBytes, 'x');
                       while (lane.goes_on()) {
                         channel.send(0, bytes.data());
                         channel.receive(0, bytes.data());
                         lane.did();
                       }
                       bytes[0] = 'E';
                       channel.send(0, bytes.data());
                     },
                     [&](Lane& /*lane*/) {
                       std::vector<char> bytes(kSmallBytes);
                       while (true) {
                         channel.receive(1, bytes.data());
                         if (bytes[0] == 'E') return;
                         channel.send(1, bytes.data());
                       }
                     }});
}

template <typename Channel>
Figure run_one_way(Placement place, size_t size_bytes) {
  Channel channel(size_bytes);
  return run(place, {[&](Lane& lane) {
                       std::vector<char> bytes(size_bytes, 'x');
                       while (lane.goes_on()) channel.send(0, bytes.data());
                       bytes[0] = 'E';
                       channel.send(0, bytes.data());
                     },
                     [&](Lane& lane) {
                       std::vector<char> bytes(size_bytes);
                       while (true) {
                         channel.receive(1, bytes.data());
                         if (bytes[0] == 'E') return;
                         if (size_bytes < kLargeBytes) {
                           lane.did();
                         } else {
                           lane.did_long();
                         }
                       }
                     }});
}

constexpr const char* kRoundTrip = "connection_round_trip";
constexpr const char* kOneWaySmall = "connection_one_way_64B";
constexpr const char* kOneWayLarge = "connection_one_way_1MiB";

template <typename Channel>
void contend_channel(const std::string& name) {
  contend(kRoundTrip, name, both_pinned(),
          [](Placement place) { return run_round_trip<Channel>(place); });
  contend(kOneWaySmall, name, both_pinned(), [](Placement place) {
    return run_one_way<Channel>(place, kSmallBytes);
  });
  contend(kOneWayLarge, name, both_pinned(), [](Placement place) {
    return run_one_way<Channel>(place, kLargeBytes);
  });
}

void contend_python(const char* group, const char* work, size_t size_bytes) {
  contend(group, "python_Pipe", both_pinned(), [=](Placement place) {
    return run_python(place, {work, std::to_string(size_bytes)});
  });
}

const Bench benches([] {
  contend_channel<Ours>("Connection");
  contend_channel<RawSocket>("raw_socket");
  contend_channel<FramedSocket>("framed_socket");
  contend_channel<FramedPipe>("framed_pipe");
  contend_python(kRoundTrip, "pipe_round_trip", kSmallBytes);
  contend_python(kOneWaySmall, "pipe_one_way", kSmallBytes);
  contend_python(kOneWayLarge, "pipe_one_way", kLargeBytes);
});

}  // namespace
}  // namespace ipc::bench
