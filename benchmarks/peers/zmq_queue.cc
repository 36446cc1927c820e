// ZeroMQ: push and pull over a socket of the kernel. In each process a thread
// of ZeroMQ fills or empties the socket in batches. This is part of queue_bench
// if the library is installed; see BUILD.bazel.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <stdexcept>
#include <string>

#include "benchmarks/bench.h"
#include "benchmarks/queue_load.h"
#include "common/process/names.h"

namespace ipc::bench {
namespace {

// Each process creates its end when it first uses it, because a context must
// not be used after a fork.
class ZmqQueue {
 public:
  explicit ZmqQueue(const QueueLoad& load)
      : size_bytes_(load.size_bytes),
        slots_(static_cast<int>(load.slots())),
        address_("ipc://" + folder_.path() + "/queue") {}
  ZmqQueue(const ZmqQueue&) = delete;
  ZmqQueue& operator=(const ZmqQueue&) = delete;
  ZmqQueue(ZmqQueue&&) = delete;
  ZmqQueue& operator=(ZmqQueue&&) = delete;
  ~ZmqQueue() {
    if (socket_ != nullptr) ::zmq_close(socket_);
    if (context_ != nullptr) ::zmq_ctx_term(context_);
  }

  void put(const char* bytes) {
    if (socket_ == nullptr) open(ZMQ_PUSH);
    if (::zmq_send(socket_, bytes, size_bytes_, 0) < 0) fail("zmq_send");
    if (bytes[0] == 'E') {  // The last one: wait until it is sent.
      ::zmq_close(socket_);
      ::zmq_ctx_term(context_);
      socket_ = nullptr;
      context_ = nullptr;
    }
  }
  void get(char* bytes) {
    if (socket_ == nullptr) open(ZMQ_PULL);
    if (::zmq_recv(socket_, bytes, size_bytes_, 0) < 0) fail("zmq_recv");
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw std::runtime_error(std::string(what) + ": " +
                             ::zmq_strerror(::zmq_errno()));
  }

  void open(int type) {
    context_ = ::zmq_ctx_new();
    socket_ = ::zmq_socket(context_, type);
    const int option = type == ZMQ_PUSH ? ZMQ_SNDHWM : ZMQ_RCVHWM;
    if (::zmq_setsockopt(socket_, option, &slots_, sizeof slots_) != 0) {
      fail("zmq_setsockopt");
    }
    // If this end connects before the other end is there, it tries again soon.
    const int again_ms = 1;
    if (::zmq_setsockopt(socket_, ZMQ_RECONNECT_IVL, &again_ms,
                         sizeof again_ms) != 0) {
      fail("zmq_setsockopt");
    }
    const int failed = type == ZMQ_PULL
                           ? ::zmq_bind(socket_, address_.c_str())
                           : ::zmq_connect(socket_, address_.c_str());
    if (failed != 0) fail("zmq_bind or zmq_connect");
  }

  size_t size_bytes_;
  int slots_;
  TempDir folder_;
  std::string address_;
  void* context_ = nullptr;
  void* socket_ = nullptr;
};

bool one_to_one(const QueueLoad& load) {
  return load.producers == 1 && load.consumers == 1;
}

const Bench benches([] {
  contend_queue<ZmqQueue>("zeromq", {Placement::two}, one_to_one);
});

}  // namespace
}  // namespace ipc::bench
