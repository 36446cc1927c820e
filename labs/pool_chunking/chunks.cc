#include "labs/pool_chunking/chunks.h"

#include <math.h>

#include <algorithm>

namespace {

// One version for each kind of processor, which adds 8, 4 or 2 terms at a time.
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
double
add_up(const double* numbers, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) {
    sum += sqrt(numbers[i]) * log(numbers[i] + 1);
  }
  return sum;
}

}  // namespace

std::vector<Chunk> make_chunks(int number_count, int size, bool counted) {
  std::vector<Chunk> chunks;
  for (int first = 0; first < number_count; first += size) {
    const int count = std::min(size, number_count - first);  // [rest]
    chunks.push_back({first, count, counted});
  }
  return chunks;
}

double sum_terms(const double* numbers, int count) {
  return add_up(numbers, count);
}
