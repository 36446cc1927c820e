// The server of the lab: it echoes to many clients and waits for none of them.
#pragma once

#include "common/net/listener.h"

// Serves until a client says "shutdown"; then lets the others finish.
void serve(ipc::Listener& listener);
