#include "common/base/errors.h"

#include <system_error>

namespace ipc {

void throw_error(int error, const char* call) {
  throw std::system_error(error, std::generic_category(), call);
}

}  // namespace ipc
