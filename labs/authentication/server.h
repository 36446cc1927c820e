// The servers of the lab. They serve one client after the other: how to serve
// many at a time is the subject of the lab connection.
#pragma once

#include "common/net/listener.h"

// Echoes what is said by those that come in, until one says "shutdown"; says
// how many never came in.
void echo(ipc::Listener& listener);

// Takes from each of two clients, over a path, a line with its name and the
// number of its process, and compares the number with what the kernel says.
void identify(ipc::Listener& listener);
