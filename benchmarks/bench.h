// What the benchmarks are made of: processes that are placed on CPUs and repeat
// an operation, and the time that an operation takes.
//
//   const Bench benches([] {
//     contend("event_round_trip", "Event", both_pinned(), [](Placement place) {
//       ipc::Shared<Pair> pair;
//       return run(place, {[&](Lane& lane) { ... }, [&](Lane& lane) { ... }});
//     });
//   });
//
// The contenders of one group do the same work, and are compared only with each
// other. Each contender is a Google Benchmark of one iteration, named
// group/placement/contender; its time is that of one operation. A ratio of two
// such times is valid only if both were measured one after the other and under
// the same conditions. So each sample records the conditions:
//
//   near_before, near_after   ns of a round trip between the first two CPUs
//                 through one cache line, for 7 ms before and after the sample.
//                 Below 250 the CPUs are near each other, above 400 far. On a
//                 virtual machine this changes by itself. A sample during which
//                 it changed must not be compared, nor a near one with a far
//                 one.
//   switches      context switches of all its processes, per operation: how
//                 often a process slept.
//   cpu           how many CPUs its processes kept busy on average.
//
// //benchmarks:compare compares samples: it runs rounds in which all contenders
// take turns, and takes ratios within a round, and their medians.
// docs/benchmarks has the results.
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
  two,   // Lanes alternate between two CPUs: 0, 1, 0, 1, ...
  free,  // Where the kernel puts them.
};

inline std::vector<Placement> both_pinned() {
  return {Placement::same, Placement::two};
}

// What run() sees of a process while it works.
struct alignas(64) Progress {
  std::atomic<uint64_t> count{0};
  std::atomic<int64_t> at_ns{0};
};

// What a process uses to learn that the time is over, and to report how much it
// has done.
class Lane {
 public:
  Lane(const std::atomic<bool>& over, Progress& progress)
      : over_(over), progress_(progress) {}

  [[nodiscard]] bool goes_on() const {
    return !over_.load(std::memory_order_relaxed);
  }
  // Counts one more operation, or `count`. If lanes wait for each other, only
  // one of them may count.
  void did(uint64_t count = 1) {
    done_ += count;
    // Relaxed: the number publishes no other data.
    progress_.count.store(done_, std::memory_order_relaxed);
  }
  // The same for operations of 20 us and more. It also notes the time, because
  // the window may end in the middle of such an operation.
  void did_long(uint64_t count = 1);

 private:
  const std::atomic<bool>& over_;
  Progress& progress_;
  uint64_t done_ = 0;
};

using Actor = std::function<void(Lane&)>;

// The result of a sample.
struct Figure {
  double ns = 0;                                // Of one operation.
  double switches = 0;                          // Per operation.
  double cpu = 0;                               // CPUs that were busy.
  std::map<std::string, double> counters = {};  // Further results, by name.
};

// How long a sample is measured, and how long it runs before that.
struct Window {
  double warm_s = 0.008;
  double measured_s = 0.06;
  // The actors only wait: `ns` is the CPU time that a second of waiting takes.
  bool is_idle = false;
  // If an actor must prepare something first, it sets this when it has done so;
  // the warm-up follows. Null if nothing is to be prepared.
  const std::atomic<bool>* prepared = nullptr;
};

// Forks a process for each actor, lets all begin at the same time, and reads
// their counts while they run. Each actor must return when its goes_on() is
// false. Blocks until all have ended.
// Errors: std::runtime_error if one fails, does not end within 10 s, or if
// nothing was done.
Figure run(Placement place, const std::vector<Actor>& actors,
           const Window& window = {});

// Runs a mode of peers/python_peer.py and returns its figure: the last line
// that it prints is the ns of one operation. Throws Missing if there is no
// Python.
Figure run_python(Placement place, const std::vector<std::string>& arguments);

// A contender throws this if its program or library is not installed. It is
// then skipped.
class Missing : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Pins the calling process to the CPU of a lane; does nothing if `free`.
void pin(Placement place, int lane);
// How often a process has left its CPU so far.
uint64_t context_switches(pid_t pid);

// Registers a contender, once for each placement.
void contend(const std::string& group, const std::string& name,
             const std::vector<Placement>& placements,
             const std::function<Figure(Placement)>& sample);

// Runs `add` before main(), so no file needs a list of all benchmarks.
class Bench {
 public:
  explicit Bench(void (*add)()) { add(); }
};

}  // namespace ipc::bench
