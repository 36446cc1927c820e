// Sends numbers from one process to another, several in each message, and
// counts what that takes.
#pragma once

#include <cstdint>
#include <string>

constexpr int kMaxBatch = 10'000;

enum class Channel { connection, queue };

// What was sent, as the receiver and the kernel have counted it: see proc(5),
// /proc/PID/io.
struct Traffic {
  int64_t messages = 0;
  int64_t sum = 0;
  int64_t bytes = 0;   // Through the kernel, lengths included;
  int64_t writes = 0;  // these need at least one write for each message,
  int64_t reads = 0;   // and two reads: for its length, and for itself.
  double seconds = 0;  // From before the first send to after the last receive.
};

// Sends 0 to `count` - 1 through a new channel, from a new process to another,
// `batch_size` in each message. Blocks until both have ended; throws on
// failure.
Traffic send_numbers(Channel channel, int count, int batch_size);

std::string describe(const Traffic& traffic);
