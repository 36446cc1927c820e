// One reading of an instrument, and the bytes that three formats make of many.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

struct Reading {
  int64_t number;
  double seconds;
  double value;
};
static_assert(std::is_trivially_copyable_v<Reading> && sizeof(Reading) == 24,
              "the fixed layout is these 24 bytes, without gaps");  // [layout]

struct Format {
  const char* name;
  std::string (*encode)(std::span<const Reading>);
  std::vector<Reading> (*decode)(std::string_view);
};

// JSON text, MessagePack, the fixed layout; and shared memory, for which
// nothing is made of the readings: its functions are null.
std::span<const Format> all_formats();

// Makes readings in place, numbered from `first` on.
void make_readings(std::span<Reading> readings, int64_t first);

double sum_of(std::span<const Reading> readings);

// What the format makes of one reading: its text, or its bytes as "07 00 00".
std::string example(const Format& format, int64_t number);
