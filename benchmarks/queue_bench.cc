// ipc::Queue beside the limit, which is a ring that spins, and the kernel's own
// queues. Boost's and ZeroMQ's are in peers/.
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "benchmarks/bench.h"
#include "benchmarks/queue_load.h"
#include "benchmarks/spsc_ring.h"
#include "common/check.h"
#include "common/errors.h"
#include "common/queue.h"

namespace ipc::bench {
namespace {

constexpr size_t kFrameBytes = 8;

class OurQueue {
 public:
  explicit OurQueue(const QueueLoad& load)
      : size_bytes_(load.size_bytes),
        queue_(static_cast<uint32_t>(load.slots()),
               load.slots() * (load.size_bytes + kFrameBytes)) {}
  void put(const char* bytes) { queue_.put({bytes, size_bytes_}); }
  void get(char* bytes) {
    (void)queue_.get_into(item_);
    bytes[0] = item_.front();
  }

 private:
  size_t size_bytes_;
  Queue queue_;
  std::string item_;
};

class Ring {
 public:
  explicit Ring(const QueueLoad& load) : ring_(load.slots(), load.size_bytes) {}
  void put(const char* bytes) { ring_.put(bytes); }
  void get(char* bytes) { ring_.get(bytes); }

 private:
  SpscRing ring_;
};

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

// As one would do it first: a length, and then the bytes.
class FramedPipe {
 public:
  explicit FramedPipe(const QueueLoad& load) : size_bytes_(load.size_bytes) {
    check(::pipe2(ends_.data(), O_CLOEXEC), "pipe2");
  }
  FramedPipe(const FramedPipe&) = delete;
  FramedPipe& operator=(const FramedPipe&) = delete;
  FramedPipe(FramedPipe&&) = delete;
  FramedPipe& operator=(FramedPipe&&) = delete;
  ~FramedPipe() {
    for (const int end : ends_) ::close(end);
  }
  void put(const char* bytes) {
    const auto length = static_cast<uint32_t>(size_bytes_);
    write_all(ends_[1], reinterpret_cast<const char*>(&length), sizeof length);
    write_all(ends_[1], bytes, size_bytes_);
  }
  void get(char* bytes) {
    uint32_t length = 0;
    read_all(ends_[0], reinterpret_cast<char*>(&length), sizeof length);
    read_all(ends_[0], bytes, length);
  }

 private:
  size_t size_bytes_;
  std::array<int, 2> ends_{};
};

// Whole messages of one size, each by one write, which several may do at once
// as long as it is at most PIPE_BUF.
class RawPipe {
 public:
  explicit RawPipe(const QueueLoad& load) : size_bytes_(load.size_bytes) {
    check(::pipe2(ends_.data(), O_CLOEXEC), "pipe2");
    check(::fcntl(ends_[1], F_SETPIPE_SZ, 1 << 20), "F_SETPIPE_SZ");
  }
  RawPipe(const RawPipe&) = delete;
  RawPipe& operator=(const RawPipe&) = delete;
  RawPipe(RawPipe&&) = delete;
  RawPipe& operator=(RawPipe&&) = delete;
  ~RawPipe() {
    for (const int end : ends_) ::close(end);
  }
  void put(const char* bytes) { write_all(ends_[1], bytes, size_bytes_); }
  void get(char* bytes) { read_all(ends_[0], bytes, size_bytes_); }

 private:
  size_t size_bytes_;
  std::array<int, 2> ends_{};
};

class PosixQueue {
 public:
  explicit PosixQueue(const QueueLoad& load) : size_bytes_(load.size_bytes) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;  // The most that the kernel allows by itself.
    attributes.mq_msgsize = static_cast<long>(load.size_bytes);
    const std::string name = "/ipc-labs-bench-" + std::to_string(::getpid());
    queue_ = check(
        ::mq_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, &attributes),
        "mq_open");
    check(::mq_unlink(name.c_str()), "mq_unlink");
  }
  PosixQueue(const PosixQueue&) = delete;
  PosixQueue& operator=(const PosixQueue&) = delete;
  PosixQueue(PosixQueue&&) = delete;
  PosixQueue& operator=(PosixQueue&&) = delete;
  ~PosixQueue() { ::mq_close(queue_); }
  void put(const char* bytes) {
    check(::mq_send(queue_, bytes, size_bytes_, 0), "mq_send");
  }
  void get(char* bytes) {
    check(::mq_receive(queue_, bytes, size_bytes_, nullptr), "mq_receive");
  }

 private:
  size_t size_bytes_;
  mqd_t queue_ = -1;
};

class SeqPacket {
 public:
  explicit SeqPacket(const QueueLoad& load) : size_bytes_(load.size_bytes) {
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_.data()),
          "socketpair");
    const int size = 4 << 20;
    for (const int end : ends_) {
      check(::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size),
            "SO_SNDBUFFORCE");
    }
  }
  SeqPacket(const SeqPacket&) = delete;
  SeqPacket& operator=(const SeqPacket&) = delete;
  SeqPacket(SeqPacket&&) = delete;
  SeqPacket& operator=(SeqPacket&&) = delete;
  ~SeqPacket() {
    for (const int end : ends_) ::close(end);
  }
  void put(const char* bytes) {
    check(::send(ends_[1], bytes, size_bytes_, 0), "send");
  }
  void get(char* bytes) {
    check(::recv(ends_[0], bytes, size_bytes_, 0), "recv");
  }

 private:
  size_t size_bytes_;
  std::array<int, 2> ends_{};
};

bool one_to_one(const QueueLoad& load) {
  return load.producers == 1 && load.consumers == 1;
}
bool at_most_a_page(const QueueLoad& load) { return load.size_bytes <= 4096; }

const Bench benches([] {
  contend_queue<OurQueue>("Queue", both_pinned());
  contend_queue<Ring>("spsc_ring", {Placement::two}, one_to_one);
  contend_queue<FramedPipe>("framed_pipe", both_pinned(), one_to_one);
  contend_queue<RawPipe>("pipe", both_pinned(), at_most_a_page);
  contend_queue<PosixQueue>("posix_mq", both_pinned(), at_most_a_page);
  contend_queue<SeqPacket>("seqpacket", both_pinned());
  for (const QueueLoad& load : queue_loads()) {
    if (!one_to_one(load)) continue;
    contend(
        load.group(), "python_Queue", both_pinned(), [load](Placement place) {
          return run_python(place, {"queue", std::to_string(load.size_bytes),
                                    std::to_string(load.slots())});
        });
  }
});

}  // namespace
}  // namespace ipc::bench
