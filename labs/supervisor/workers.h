// The three workers of the lab, each to be run by a supervisor.
#pragma once

#include "common/supervise/worker.h"

// How long a step of work takes; a worker beats at each.
inline constexpr double kStepS = 0.1;

// How many steps stable-worker makes until it is done.
extern int iteration_count;

void be_stable(ipc::Worker& worker);    // Works and is done.
void be_unstable(ipc::Worker& worker);  // Fails, differently in each life.
void serve(ipc::Worker& worker);        // Dies of a command; then serves.
