// Wrong: the number of chunks is the number of items divided by the chunk size.
//
// The division drops what is left over. All is well as long as the size divides
// the number, as round numbers do in a trial run.

#include <math.h>

#include <numeric>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared_memory.h"
#include "common/pool/pool.h"
#include "common/report/report.h"

namespace {

constexpr int kCount = 10'500;
constexpr int kChunkSizes[] = {100, 500, 1'000, 5'000};

struct Chunk {
  int first;
  int count;
};

std::string lesson() {
  const auto memory = ipc::SharedMemory::anonymous(kCount * sizeof(double));
  auto* const numbers = static_cast<double*>(memory.data());
  std::iota(numbers, numbers + kCount, 1.0);
  ipc::Pool<double(Chunk)> pool(2, [&](const Chunk& chunk) {
    double sum = 0;
    for (int i = chunk.first; i < chunk.first + chunk.count; ++i) {
      sum += sqrt(numbers[i]) * log(numbers[i] + 1);
    }
    return sum;
  });
  for (const int size : kChunkSizes) {
    std::vector<Chunk> chunks;
    // Missing: the last chunk, which may be smaller.
    for (int i = 0; i < kCount / size; ++i) chunks.push_back({i * size, size});
    const std::vector<double> sums = pool.map(chunks, {.chunk_size = 1});
    ipc::say("Chunk size: {}, Chunks: {}, sum {:.4f}", size, chunks.size(),
             std::accumulate(sums.begin(), sums.end(), 0.0));
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("lost_remainder", "A pool, and how much of the work at once.");
  return lab.run(argc, argv, lesson);
}
