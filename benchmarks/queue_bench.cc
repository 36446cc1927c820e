// Compares ipc::Queue with the limit, which is a ring that spins, and with what
// the kernel has for messages. The queues of Boost and ZeroMQ are in peers/.
#include <string>

#include "benchmarks/bench.h"
#include "benchmarks/queue_load.h"
#include "benchmarks/queues.h"

namespace ipc::bench {
namespace {

bool one_to_one(const QueueLoad& load) {
  return load.producers == 1 && load.consumers == 1;
}
// With several processes only what one write(2) writes at once stays together.
bool at_most_a_page(const QueueLoad& load) { return load.size_bytes <= 4096; }
bool always(const QueueLoad& /*load*/) { return true; }

const Bench benches([] {
  const std::vector<Placement> two = {Placement::two};
  contend_queue<OurQueue>("Queue", both_pinned(), always);
  contend_queue<Ring>("spsc_ring", two, one_to_one);
  contend_queue<OurConnection>("Connection", both_pinned(), one_to_one);
  contend_queue<FramedPipe>("framed_pipe", both_pinned(), one_to_one);
  contend_queue<RawPipe>("pipe", both_pinned(), at_most_a_page);
  contend_queue<UnixStream>("unix_stream", both_pinned(), one_to_one);
  contend_queue<TcpStream>("tcp", both_pinned(), one_to_one);
  contend_queue<SeqPacket>("seqpacket", both_pinned(), always);
  contend_queue<PosixQueue>("posix_mq", both_pinned(), at_most_a_page);
  contend_kills<OurQueue>("Queue");
  contend_kills<PosixQueue>("posix_mq");
  contend_kills<SeqPacket>("seqpacket");
  for (const QueueLoad& load : queue_loads()) {
    if (!one_to_one(load)) continue;
    contend(load.group(), "python_Queue", both_pinned(), [load](Placement p) {
      return run_python(p, {"queue", std::to_string(load.size_bytes),
                            std::to_string(load.slots())});
    });
  }
});

}  // namespace
}  // namespace ipc::bench
