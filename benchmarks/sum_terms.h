// What the benchmarks of Pool compute: the sum of sqrt(x) * log(x + 1). If the
// processor can, it computes several numbers at a time.
#pragma once

#include <cstddef>

namespace ipc::bench {

double sum_terms(const double* numbers, size_t count);

}  // namespace ipc::bench
