// Wrong: the workers add to one total in shared memory, without a lock.
//
// Both read it before either writes it back (here the barrier sees to that, so
// that it happens every time): one of the two sums is lost.

#include <math.h>

#include <numeric>
#include <string>
#include <vector>

#include "common/lab/lab.h"
#include "common/memory/shared.h"
#include "common/memory/shared_memory.h"
#include "common/pool/pool.h"
#include "common/report/report.h"
#include "common/sync/barrier.h"

namespace {

constexpr int kCount = 10'000;
constexpr int kChunkSize = 5'000;

std::string lesson() {
  const auto memory = ipc::SharedMemory::anonymous(kCount * sizeof(double));
  auto* const numbers = static_cast<double*>(memory.data());
  std::iota(numbers, numbers + kCount, 1.0);
  const ipc::Shared<double> total(0.0);
  const ipc::Shared<ipc::Barrier> both_have_read(2);

  ipc::Pool<int(int)> pool(2, [&](int first) {
    double sum = 0;
    for (int i = first; i < first + kChunkSize; ++i) {
      sum += sqrt(numbers[i]) * log(numbers[i] + 1);
    }
    const double before = *total;
    (void)both_have_read->wait();
    *total = before + sum;  // Missing: what the other one has added.
    return 0;
  });
  const std::vector<int> firsts{0, kChunkSize};
  (void)pool.map(firsts, {.chunk_size = 1});
  ipc::say("Chunk size: {}, Chunks: {}, sum {:.4f}", kChunkSize, firsts.size(),
           *total);
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("shared_total", "A pool, and how much of the work at once.");
  return lab.run(argc, argv, lesson);
}
