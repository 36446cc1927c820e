// Act 1: two updates of one number meet, in three ways to make them.
#pragma once

#include <string>

#include "common/explore/explorer.h"
#include "common/manager/manager.h"

void play_updates(ipc::Manager& manager);

// One of these ways in every order; the outcome is what two updates come to.
ipc::Scenario two_updates(const std::string& way);
