// pool_chunking: ten million numbers are summed by a pool, in chunks.
//
//   Main --(first, count)--> Worker 1, Worker 2    through the pool
//        <------ sum -------     |  read
//   [ 10,000,000 doubles in shared memory ]
//
// Watch for: what is sent is where a chunk begins, not the chunk. The serial
// time comes first: a pool that is slower than none is of no use.
// Try: --workers=1, and --workers=8 on a machine with two processors.

#include <math.h>
#include <stdint.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "common/files/atomic_file.h"
#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/pool/pool.h"
#include "common/report/measure.h"
#include "common/report/report.h"
#include "labs/pool_chunking/chunks.h"
#include "labs/pool_chunking/curve.h"

namespace {

constexpr int kSizes[] = {10'000,  50'000,    100'000,
                          500'000, 1'000'000, 5'000'000};
constexpr double kSumOfAll = 325744756438.7384;  // Of ten million, exactly.
constexpr int kAllCount = 10'000'000;

int number_count = kAllCount;
int worker_count = 2;
int round_count = 5;
std::string svg_path;

using SumPool = ipc::Pool<double(Chunk)>;

double sum_of(SumPool& pool, int size, bool counted = false) {
  const std::vector<double> sums =  // [map]
      pool.map(make_chunks(number_count, size, counted), {.chunk_size = 1});
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

bool near(double sum, double expected) {
  return fabs(sum - expected) <= 1e-12 * expected;
}

std::string lesson() {
  const auto count = static_cast<size_t>(number_count);
  const auto memory = ipc::SharedMemory::anonymous(count * sizeof(double));
  const auto marks = ipc::SharedMemory::anonymous(count);
  auto* const numbers = static_cast<double*>(memory.data());
  auto* const marked = static_cast<uint8_t*>(marks.data());
  std::iota(numbers, numbers + number_count, 1.0);

  const double alone = sum_terms(numbers, number_count);
  ipc::say("Serial: {} numbers, sum {:.4f}", number_count, alone);
  if (number_count == kAllCount && !near(alone, kSumOfAll)) return "wrong sum";

  SumPool pool(worker_count, [&](const Chunk& chunk) {  // [pool]
    if (chunk.counted) {
      for (int i = 0; i < chunk.count; ++i) ++marked[chunk.first + i];
    }
    return sum_terms(numbers + chunk.first, chunk.count);
  });
  // The sum must be used, or the compiler would leave out the work.
  volatile double sum = 0;
  std::vector<ipc::Way> ways{[&] {
    return ipc::timed_s([&] { sum = sum_terms(numbers, number_count); });
  }};
  for (const int size : kSizes) {
    sum = sum_of(pool, size, true);
    ipc::say("Chunk size: {}, Chunks: {}, sum {:.4f}", size,
             make_chunks(number_count, size, false).size(), double{sum});
    if (!near(sum, alone)) return "the sum is not that of one process";
    ways.emplace_back(
        [&, size] { return ipc::timed_s([&] { sum = sum_of(pool, size); }); });
  }
  const auto times = std::count(marked, marked + number_count,
                                static_cast<uint8_t>(std::size(kSizes)));
  ipc::say("Summed exactly once in each of {} rounds: {} of {} numbers",
           std::size(kSizes), times, number_count);
  if (times != number_count) return "not every number was summed once";

  const ipc::Samples samples = ipc::measure(round_count, ways);
  Curve curve{.serial = ipc::spread(samples[0])};
  ipc::say("Serial: {}", ipc::describe_s(curve.serial));
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    curve.points.push_back({kSizes[i], ipc::spread(samples[i + 1]),
                            ipc::ratio(samples[0], samples[i + 1])});
  }
  say_curve(curve);
  if (!svg_path.empty()) ipc::replace_file(svg_path, svg(curve));
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("pool_chunking", "A pool, and how much of the work at once.");
  lab.option("--numbers", number_count, 1, 100'000'000, "how many numbers");
  lab.option("--workers", worker_count, 1, 64, "processes in the pool");
  lab.option("--rounds", round_count, 1, 1000, "rounds to be measured");
  lab.option("--svg", svg_path, "file for the curve as a picture");
  return lab.run(argc, argv, lesson);
}
