// What the explorer plays in every order.
#pragma once

#include <string>

#include "common/explore/explorer.h"
#include "labs/shared_values/actors.h"

// Two incrementers, one round each over three items; the outcome is how much is
// lost.
ipc::Scenario two_rounds(ArrayLock lock);

// An incrementer and the monitor; the outcome is the array that it saw.
ipc::Scenario one_look(ArrayLock lock);
