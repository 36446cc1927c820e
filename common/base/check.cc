#include "common/base/check.h"

#include <stdio.h>
#include <stdlib.h>

namespace ipc {

void fail_check(const char* condition, const char* file, int line) {
  // dprintf(3) makes one write(2), so lines of several processes do not mix.
  dprintf(2, "%s:%d: check failed: %s\n", file, line, condition);
  abort();
}

}  // namespace ipc
