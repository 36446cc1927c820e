#include "benchmarks/sum_terms.h"

#include <math.h>

namespace ipc::bench {

// One version for each kind of processor.
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
double
sum_terms(const double* numbers, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += sqrt(numbers[i]) * log(numbers[i] + 1);
  }
  return sum;
}

}  // namespace ipc::bench
