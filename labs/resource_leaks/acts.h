// The five acts, each of which takes something and must leave nothing.
#pragma once

#include "inventory.h"

void survive_exception();
void survive_crash(const Inventory& before);
void unlink_early();
void execute();
void reap(const Inventory& before, int child_count);
