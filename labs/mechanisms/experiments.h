// The experiments, which are the same for all mechanisms, and what they showed.
// Nothing is looked up: each cell of the table is what a program has observed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "labs/mechanisms/specification.h"

// The job: a sender sends this many messages, and the receiver adds up their
// numbers until it has the sum of all, which is returned. With `aloud` both say
// what they do.
// Errors: std::runtime_error if a process fails, or does not answer in time.
uint64_t do_the_job(const NamedMechanism& mechanism, int messages, bool aloud);

// What is seen while both sides live, in one process that is both.
struct Alive {
  std::string bound;        // Messages that fit: "1024"; "none" if no bound.
  std::string when_full;    // "waits", "drops", "-"
  std::string boundaries;   // "kept", "lost", "added"
  std::string longest;      // Bytes: "8192", "any"; "-" without boundaries.
  std::string two_senders;  // "in order", or what came.
};
Alive watch_alive(const NamedMechanism& mechanism);

// What is seen when a side is killed.
struct Dead {
  std::string sender_sees;    // "EPIPE", "nothing"
  std::string receiver_sees;  // "end of file", "nothing", "locked"
  std::string left;           // "nothing", "name", "name and data"
  std::string joined_by;      // "fork", "path", "name", "key", "pid", "network"
};
Dead watch_deaths(const NamedMechanism& mechanism);

// The CPU seconds per message, for `count` messages that one process sends to
// itself and receives. This is the cost of the calls alone, without a switch
// from one process to another.
double time_messages(const NamedMechanism& mechanism, int count);

// A message: its number in the first eight bytes, and then filler.
std::string make_message(uint64_t number, size_t bytes);

// The number of a message, from its first bytes.
uint64_t number_of(std::string_view message);
