// Act 1: two updates of one number meet, made in three ways.
#pragma once

#include <string>

#include "common/explore/explorer.h"
#include "common/manager/manager.h"

void play_updates(ipc::Manager& manager);

// Plays one of these ways in every order; the outcome is the total after both.
ipc::Scenario two_updates(const std::string& way);
