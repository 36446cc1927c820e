// Random numbers from the kernel, which no other process can guess: for keys
// and for unique names.
//
// Blocks: only soon after the machine has started, until the kernel has
//         gathered enough randomness.
// Errors: std::system_error.
// See:    getrandom(2).
#pragma once

#include <stddef.h>

namespace ipc {

// Fills `size_bytes` bytes: at most 256, because getrandom(2) returns that many
// in one call.
void fill_random(void* bytes, size_t size_bytes);

template <typename Number>
Number random_number() {
  Number number = 0;
  fill_random(&number, sizeof number);
  return number;
}

}  // namespace ipc
