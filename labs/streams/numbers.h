// The stages of acts 1 and 3, which work on the squares of numbers.
#pragma once

#include <string>

#include "labs/streams/stream.h"

// Adds Source, Square, Evens, Window and Sink, for the numbers 1 to `count`.
// The stage named `killed` is killed at its kLastItem-th item.
inline constexpr int kLastItem = 5;
void add_stages(ipc::Pipeline& pipeline, int count,
                const std::string& killed = "");
