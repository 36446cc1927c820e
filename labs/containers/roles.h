// Who lives in the containers of the lab.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/channel/connection.h"

// Says who it is in its container.
void introduce();

// Lets a child of a child end, which is then whose? Says so if it is ours, as
// of process 1. Then answers whatever is asked, until SIGTERM if that does it.
void be_app(ipc::Connection& control);

// Makes shared memory that does not fit into /dev/shm: by all that is careful,
// which is refused, and then by what is not. `written` counts bytes.
void overfill_shm(size_t bytes, std::atomic<size_t>& written);

// Answers "alive?", "ready?" and "work" until SIGTERM; to "hang" it does that.
void serve(ipc::Connection& probes);

// What the service depends on: a file in the folder that is mounted.
inline constexpr const char* kDatabase = "/database";

// Takes so much memory, page by page.
void eat(size_t bytes);
