// What the writer hands over, as text that people can read too.
#pragma once

#include <optional>
#include <string>

struct DataPoint {
  int iteration = 0;  // Its number: 0, 1, 2, ...
  int value = 0;
  bool is_last = false;  // There are no more: this one has no value.
};

// {"is_last":false,"iteration":3,"message":"Data point 3","value":30}
std::string to_json(const DataPoint& point);

// Nothing if `text` is not a data point, or only a part of one.
std::optional<DataPoint> from_json(const std::string& text);
