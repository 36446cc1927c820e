// Boost.Interprocess: message_queue, which of all other libraries' queues is
// the most similar to ipc::Queue. This is part of queue_bench if the headers
// are installed; see BUILD.bazel.
#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>

#include "benchmarks/bench.h"
#include "benchmarks/queue_load.h"

namespace ipc::bench {
namespace {

namespace bi = boost::interprocess;

class BoostQueue {
 public:
  explicit BoostQueue(const QueueLoad& load)
      : size_bytes_(load.size_bytes),
        name_(new_name()),
        queue_(bi::create_only, name_.c_str(), load.slots(), load.size_bytes) {
    // It stays mapped here, and so in the children.
    bi::message_queue::remove(name_.c_str());
  }
  void put(const char* bytes) { queue_.send(bytes, size_bytes_, 0); }
  void get(char* bytes) {
    bi::message_queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(bytes, size_bytes_, size, priority);
  }

 private:
  static std::string new_name() {
    static int count = 0;
    return "ipc-labs-bench-" + std::to_string(::getpid()) + "-" +
           std::to_string(++count);
  }

  size_t size_bytes_;
  std::string name_;
  bi::message_queue queue_;
};

bool always(const QueueLoad& /*load*/) { return true; }

const Bench benches([] {
  contend_queue<BoostQueue>("boost_message_queue", both_pinned(), always);
  contend_kills<BoostQueue>("boost_message_queue");
});

}  // namespace
}  // namespace ipc::bench
