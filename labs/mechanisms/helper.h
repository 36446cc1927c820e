// A child process with a line to Main, beside the mechanism that is tested:
// what the two agree on must not depend on that mechanism.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/process/process.h"

// One end of the line between Main and a child; a text is one message.
class Line {
 public:
  explicit Line(ipc::UniqueFd end) : end_(std::move(end)) {}

  void say(std::string_view text) const;

  // Blocks: until the other has said something, 20 s times time_scale() at
  //         most.
  // Errors: std::runtime_error if it does not, or has ended.
  [[nodiscard]] std::string hear() const;

  [[nodiscard]] int descriptor() const { return end_.get(); }

 private:
  ipc::UniqueFd end_;
};

class Helper {
 public:
  // Forks a child that plays the role, and gets its end of the line.
  Helper(const char* name, const std::function<void(const Line&)>& role);

  // Forks one that becomes another program, with the line as its output.
  Helper(const char* name, const std::vector<std::string>& arguments);

  [[nodiscard]] const Line& line() const { return line_; }

  // Kills the child, and returns when it is reaped.
  // Errors: std::runtime_error if it had ended by itself.
  void kill();

  // Waits for its end, as long as Line::hear() would.
  // Errors: std::runtime_error if it fails, or does not end in time.
  void join();

 private:
  explicit Helper(std::pair<Line, ipc::Process> started);

  Line line_;
  ipc::Process process_;
};
