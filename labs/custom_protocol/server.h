// The server of the lab: users, products, and answers that are remembered.
#pragma once

#include "common/base/unique_fd.h"

// Serves one client until "shutdown" or the end of the stream.
void serve(const ipc::UniqueFd& stream);
