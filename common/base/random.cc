#include "common/base/random.h"

#include <sys/random.h>

#include "common/base/check.h"
#include "common/base/errors.h"

namespace ipc {

void fill_random(void* bytes, size_t size_bytes) {
  constexpr size_t kOnePiece = 256;
  IPC_CHECK(size_bytes <= kOnePiece);
  check(retry([&] { return ::getrandom(bytes, size_bytes, 0); }), "getrandom");
}

}  // namespace ipc
