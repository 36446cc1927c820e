// What the processes in the containers of the lab do.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/channel/connection.h"

// Prints the number of this process, and its user, as the container has them.
void introduce();

// Leaves an orphan behind, and says so if it has become ours, because we are
// process 1. Then answers whatever is asked, until SIGTERM ends it, if it does.
void be_app(ipc::Connection& control);

// Makes shared memory that does not fit into /dev/shm: first with the calls
// that check, which fail, and then with one that does not. Then writes to it
// until SIGBUS ends this process. `written` counts bytes.
void overfill_shm(size_t bytes, std::atomic<size_t>& written);

// Answers "alive?", "ready?" and "work" until SIGTERM. After "hang" it hangs.
void serve(ipc::Connection& probes);

// What the service depends on: a file in the folder that is mounted.
inline constexpr const char* kDatabase = "/database";

// Takes `bytes` of memory, page by page.
void eat(size_t bytes);
