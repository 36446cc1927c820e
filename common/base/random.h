// Numbers that nobody can guess, from the kernel: for keys, and for names that
// nobody else has.
//
// Blocks: only while a machine that is starting has gathered too little.
// Errors: std::system_error.
// See:    getrandom(2).
#pragma once

#include <stddef.h>

namespace ipc {

// Fills `bytes`, of which there are at most 256: the kernel gives so many in
// one piece.
void fill_random(void* bytes, size_t size_bytes);

template <typename Number>
Number random_number() {
  Number number = 0;
  fill_random(&number, sizeof number);
  return number;
}

}  // namespace ipc
