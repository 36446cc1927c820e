// The configuration of a program, as text in a file and as a struct in memory.
#pragma once

#include <optional>
#include <string>

struct Configuration {
  std::string app_name = "Unknown";
  std::string log_level = "INFO";
  int max_connections = 10;
  int cache_size_mb = 100;
  int timeout_seconds = 30;
};

std::string to_json(const Configuration& configuration);

// Nothing if `text` is not a JSON object, or a value has the wrong type. A
// value that is missing has its default.
std::optional<Configuration> from_json(const std::string& text);

// Prints that this is the configuration now, in six lines.
void say_changed(const Configuration& configuration);
