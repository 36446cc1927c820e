// Descriptors through a Unix-domain socket; see unix(7), SCM_RIGHTS.
#pragma once

#include "common/base/unique_fd.h"

// The receiver gets a descriptor of its own, with a number of its own, for the
// same open file. The sender keeps its own.
void send_descriptor(int socket, const ipc::UniqueFd& descriptor);

// Blocks until a message comes. Errors: std::system_error, EPROTO if no
// descriptor comes with it.
ipc::UniqueFd receive_descriptor(int socket);
