#include "labs/file_ipc/data_point.h"

#include <nlohmann/json.hpp>

using Json = nlohmann::json;

std::string to_json(const DataPoint& point) {
  const Json json = {
      {"iteration", point.iteration},
      {"value", point.value},
      {"message", "Data point " + std::to_string(point.iteration)},
      {"is_last", point.is_last},
  };
  return json.dump();
}

std::optional<DataPoint> from_json(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    return DataPoint{json.at("iteration"), json.at("value"),
                     json.at("is_last")};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}
