// The experiments: the same for all mechanisms, and what was seen in each.
// Nothing is looked up. A cell of the table is what a program has met with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "labs/mechanisms/specification.h"

// The job: a sender hands over as many messages, and the receiver adds up their
// numbers until it has what all of them come to: the sum that it tells. With
// `aloud` both say what they do.
// Errors: std::runtime_error if a process fails, or does not get on.
uint64_t do_the_job(const NamedMechanism& mechanism, int messages, bool aloud);

// What is seen while both sides live, in one process that is both.
struct Alive {
  std::string bound;        // Messages that fit: "1024", or "none" was met.
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

// The seconds of a CPU that a message takes, of `count`: one process sends each
// to itself and receives it. These are the calls alone, without a switch from
// one process to another.
double time_messages(const NamedMechanism& mechanism, int count);

// A message: its number in the first eight bytes, and what fills it up.
std::string make_message(uint64_t number, size_t bytes);

// The number of a message, from its first bytes.
uint64_t number_of(std::string_view message);
