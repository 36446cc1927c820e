// A parcel, and its bytes: a version, and then field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

constexpr uint8_t kOldVersion = 1;  // Number and weight.
constexpr uint8_t kNewVersion = 2;  // And a label.

struct Parcel {
  int32_t number = 0;
  double weight_kg = 0;
  std::string label;
};

// Layout: the version in one byte; the number in 4 and the weight in 8 bytes,
//         both with their lowest byte first; the length of the label in 4; the
//         label.
std::string encode(const Parcel& parcel, uint8_t version);

struct Unpacked {
  Parcel parcel;
  std::string problem;  // Why there is no parcel, or "".
};

// Reads versions up to `newest`. Whatever the bytes are, it reads none that are
// not there and trusts no length that is too large.
Unpacked decode(std::string_view bytes, uint8_t newest);
