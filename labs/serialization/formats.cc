#include "labs/serialization/formats.h"

#include <fmt/format.h>
#include <string.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace {

using nlohmann::json;

json to_json(std::span<const Reading> readings) {
  json list = json::array();
  for (const Reading& reading : readings) {
    list.push_back({{"number", reading.number},
                    {"seconds", reading.seconds},
                    {"value", reading.value}});
  }
  return list;
}

std::vector<Reading> from_json(const json& list) {
  std::vector<Reading> readings;
  readings.reserve(list.size());
  for (const json& item : list) {
    readings.push_back(
        {item.at("number"), item.at("seconds"), item.at("value")});
  }
  return readings;
}

std::string encode_json(std::span<const Reading> readings) {
  return to_json(readings).dump();
}

std::vector<Reading> decode_json(std::string_view bytes) {
  return from_json(json::parse(bytes));
}

std::string encode_message_pack(std::span<const Reading> readings) {
  std::string bytes;
  json::to_msgpack(to_json(readings), bytes);
  return bytes;
}

std::vector<Reading> decode_message_pack(std::string_view bytes) {
  return from_json(json::from_msgpack(bytes));
}

std::string encode_layout(std::span<const Reading> readings) {
  return {reinterpret_cast<const char*>(readings.data()),
          readings.size_bytes()};
}

std::vector<Reading> decode_layout(std::string_view bytes) {
  std::vector<Reading> readings(bytes.size() / sizeof(Reading));
  memcpy(readings.data(), bytes.data(), readings.size() * sizeof(Reading));
  return readings;
}

}  // namespace

std::span<const Format> all_formats() {
  static constexpr std::array<Format, 4> kFormats{{
      {"JSON text", encode_json, decode_json},
      {"MessagePack", encode_message_pack, decode_message_pack},
      {"Fixed layout", encode_layout, decode_layout},
      {"Shared memory", nullptr, nullptr},
  }};
  return kFormats;
}

void make_readings(std::span<Reading> readings, int64_t first) {
  for (int64_t number = first; Reading & reading : readings) {
    const auto place = static_cast<double>(number);
    reading = {number++, place / 10, place / 7};
  }
}

double sum_of(std::span<const Reading> readings) {
  double sum = 0;
  for (const Reading& reading : readings) sum += reading.value;
  return sum;
}

std::string example(const Format& format, int64_t number) {
  Reading reading{};
  make_readings({&reading, 1}, number);
  std::string text = format.encode({&reading, 1});
  if (format.encode == encode_json) return text;
  const std::string bytes = std::exchange(text, "");
  for (const char byte : bytes) {
    text += fmt::format("{:02x} ", static_cast<unsigned char>(byte));
  }
  text.pop_back();
  return text;
}
