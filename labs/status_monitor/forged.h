// A site whose certificate is signed by nobody but itself.
#pragma once

#include "common/unique_fd.h"

// Never returns.
void serve_forged(const ipc::UniqueFd& listener);
