#include "labs/pool_chunking/curve.h"

#include <fmt/format.h>
#include <math.h>

#include <algorithm>

#include "common/report/report.h"

namespace {

constexpr int kBarColumns = 24;
constexpr int kSteps = 5;

// The picture in pixels: the plot, and the room for its labels around it.
constexpr double kLeft = 80;
constexpr double kRight = 600;
constexpr double kTop = 50;
constexpr double kBottom = 330;

constexpr const char* kGrey = "#ddd\"";
constexpr const char* kBlue = "#036\"";
constexpr const char* kRedDashes = "#b00\" stroke-dasharray=\"6 4\"";

double slowest_s(const Curve& curve) {
  double slowest = curve.serial.high;
  for (const Point& point : curve.points) {
    slowest = std::max(slowest, point.seconds.high);
  }
  return slowest;
}

std::string text(double x, double y, const char* anchor,
                 const std::string& words) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
      anchor, words);
}

std::string line(double x1, double y1, double x2, double y2,
                 const char* stroke) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" "
      "stroke=\"{}/>\n",
      x1, y1, x2, y2, stroke);
}

}  // namespace

void say_curve(const Curve& curve) {
  for (const Point& point : curve.points) {
    const double part = point.seconds.median / slowest_s(curve);
    const auto columns = static_cast<size_t>(1 + (kBarColumns - 1) * part);
    ipc::say("{:>9} {:<{}} {}", point.chunk_size, std::string(columns, '#'),
             kBarColumns, ipc::describe_s(point.seconds));
  }
  const auto best = std::min_element(
      curve.points.begin(), curve.points.end(), [](auto& one, auto& other) {
        return one.seconds.median < other.seconds.median;
      });
  ipc::say("Best in this run: chunks of {}, {} times as fast as serial",
           best->chunk_size, ipc::describe(best->speedup));
}

std::string svg(const Curve& curve) {
  const double top_s = 1.05 * slowest_s(curve);
  const double low = log10(curve.points.front().chunk_size) - 0.1;
  const double high = log10(curve.points.back().chunk_size) + 0.1;
  const auto x = [&](int size) {
    return kLeft + (kRight - kLeft) * (log10(size) - low) / (high - low);
  };
  const auto y = [&](double seconds) {
    return kBottom - (kBottom - kTop) * seconds / top_s;
  };
  std::string drawn =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"400\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"640\" height=\"400\" fill=\"white\"/>\n";
  drawn += text(kLeft, 28, "start",
                "Time by chunk size: median and middle half of the rounds");
  drawn +=
      text((kLeft + kRight) / 2, kBottom + 40, "middle", "numbers in a chunk");
  for (int i = 0; i <= kSteps; ++i) {
    const double seconds = top_s * i / kSteps;
    drawn += line(kLeft, y(seconds), kRight, y(seconds), kGrey);
    drawn += text(kLeft - 8, y(seconds) + 4, "end",
                  fmt::format("{:.1f} ms", 1e3 * seconds));
  }
  const double serial_y = y(curve.serial.median);
  drawn += line(kLeft, serial_y, kRight, serial_y, kRedDashes);
  drawn += text(kRight, serial_y - 6, "end", "serial");
  std::string path;
  for (const auto& [size, seconds, speedup] : curve.points) {
    path += fmt::format("{:.1f},{:.1f} ", x(size), y(seconds.median));
    drawn += line(x(size), y(seconds.low), x(size), y(seconds.high), kBlue);
    drawn += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/>\n",
                         x(size), y(seconds.median));
    drawn += text(x(size), kBottom + 18, "middle", fmt::format("{}", size));
  }
  drawn += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}/>\n",
                       path, kBlue);
  return drawn + "</svg>\n";
}
