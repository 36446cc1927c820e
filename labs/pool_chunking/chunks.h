// What is summed, and in which parts.
#pragma once

#include <vector>

struct Chunk {
  int first;
  int count;
  bool counted;  // Whether each number is to be marked, for the books.
};

// Chunks of `size` numbers; the last has what is left.
std::vector<Chunk> make_chunks(int number_count, int size, bool counted);

// The sum of the guide's terms: sqrt(x) * log(x + 1).
double sum_terms(const double* numbers, int count);
