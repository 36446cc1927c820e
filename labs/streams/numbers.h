// The stages of acts 1 and 3: what the squares of numbers come to.
#pragma once

#include <string>

#include "labs/streams/stream.h"

// Adds Source, Square, Evens, Window and Sink, for the numbers 1 to `count`.
// The stage that is `killed` does not survive its kLastItem-th item.
inline constexpr int kLastItem = 5;
void add_stages(ipc::Pipeline& pipeline, int count,
                const std::string& killed = "");
