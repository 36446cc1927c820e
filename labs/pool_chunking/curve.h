// The time by chunk size, as lines of text and as a picture.
#pragma once

#include <string>
#include <vector>

#include "common/report/measure.h"

struct Point {
  int chunk_size;
  ipc::Spread seconds;
  ipc::Spread speedup;  // Over one process alone.
};

struct Curve {
  ipc::Spread serial;
  std::vector<Point> points = {};
};

// Says one line for each point, with a bar as long as its time, and the best.
void say_curve(const Curve& curve);

// The same as a picture; see https://www.w3.org/TR/SVG2/.
std::string svg(const Curve& curve);
