// What the benchmarks are made of: processes that do something over and over,
// placed on CPUs, and the rate at which they do it.
//
//   const Bench benches([] {
//     contend("event_round_trip", "Event", both_pinned(), [](Placement place) {
//       ipc::Shared<Pair> pair;
//       return run(place, {[&](Lane& lane) { ... }, [&](Lane& lane) { ... }});
//     });
//   });
//
// Those who contend in one group do the same work, and are compared with each
// other and with nobody else. Each is a Google Benchmark of one iteration,
// named group/placement/contender; its time is that of one operation. A ratio
// of two such times is worth something if both were taken one after the other
// and under the same conditions, so each sample says what these were:
//
//   near_before, near_after   ns of a round trip between the first two CPUs, by
//                 one cache line, for 7 ms before and after. Below 250 they are
//                 near each other, above 400 far. On a virtual machine that
//                 changes by itself, and a sample during which it changed, or
//                 one near and one far, are not to be compared.
//   switches      context switches of all its processes, per operation: how
//                 often somebody slept.
//   cpu           CPUs that its processes kept busy, 0 to their number.
//
// //benchmarks:compare does that: rounds in which all take turns, ratios within
// a round, medians. docs/benchmarks has what came out.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/memory/shared.h"

namespace ipc::bench {

enum class Placement {
  same,  // All processes on one CPU.
  two,   // In turn on the one and the other of two CPUs.
  free,  // Where the kernel puts them.
};

inline std::vector<Placement> both_pinned() {
  return {Placement::same, Placement::two};
}

// What the harness sees of a process while it works.
struct alignas(64) Progress {
  std::atomic<uint64_t> count{0};
  std::atomic<int64_t> at_ns{0};
};

// The side of a process: how it learns that the time is over, and how it tells
// what it has done.
class Lane {
 public:
  Lane(const std::atomic<bool>& over, Progress& progress)
      : over_(over), progress_(progress) {}

  [[nodiscard]] bool goes_on() const {
    return !over_.load(std::memory_order_relaxed);
  }
  // One operation more, or `count`. In a lane that waits for others, only one
  // side may count.
  void did(uint64_t count = 1) {
    done_ += count;
    // Relaxed: nothing is read but the number.
    progress_.count.store(done_, std::memory_order_relaxed);
  }
  // The same for operations of 20 us and more, which must be timed by
  // themselves: the window may end in the middle of one.
  void did_long(uint64_t count = 1);

 private:
  const std::atomic<bool>& over_;
  Progress& progress_;
  uint64_t done_ = 0;
};

using Actor = std::function<void(Lane&)>;

// What came out of a sample.
struct Figure {
  double ns = 0;                                // Of one operation.
  double switches = 0;                          // Per operation.
  double cpu = 0;                               // CPUs that were busy.
  std::map<std::string, double> counters = {};  // What else is to be known.
};

// How long a sample is measured, and how long it runs before that.
struct Window {
  double warm_s = 0.008;
  double measured_s = 0.06;
  // Nothing is to be done: `ns` is the CPU time that a second of waiting takes.
  bool is_idle = false;
  // If an actor has something to prepare first, it says here when it has; the
  // warm-up follows.
  const std::atomic<bool>* prepared = nullptr;
};

// Forks a process for each actor, lets them begin at once, and looks at what
// they count while they run. Each returns when its lane no longer goes on.
// Errors: std::runtime_error if one fails, or does not end within 10 s.
Figure run(Placement place, const std::vector<Actor>& actors,
           const Window& window = {});

// The figure of a mode of peers/python_peer.py: the last line that it prints is
// the nanoseconds of one operation. Throws Missing if there is no Python here.
Figure run_python(Placement place, const std::vector<std::string>& arguments);

// Thrown by a contender whose program or library is not here: it is skipped.
class Missing : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Pins the calling process to the CPU of a lane; nothing if `free`.
void pin(Placement place, int lane);
// How often a process has left its CPU so far.
uint64_t context_switches(pid_t pid);

// Registers a contender, once for each placement.
void contend(const std::string& group, const std::string& name,
             const std::vector<Placement>& placements,
             const std::function<Figure(Placement)>& sample);

// Runs `add` before main(), in whose files there is no list of the benchmarks.
class Bench {
 public:
  explicit Bench(void (*add)()) { add(); }
};

}  // namespace ipc::bench
