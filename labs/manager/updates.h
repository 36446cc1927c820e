// Act 1: two updates of one number meet, in three ways to make them.
#pragma once

#include "common/manager.h"

void play_updates(ipc::Manager& manager);
