#include "labs/config_watcher/configuration.h"

#include <nlohmann/json.hpp>

#include "common/report/report.h"

using Json = nlohmann::json;

std::string to_json(const Configuration& configuration) {
  const Json json = {
      {"app_name", configuration.app_name},
      {"log_level", configuration.log_level},
      {"max_connections", configuration.max_connections},
      {"cache_size_mb", configuration.cache_size_mb},
      {"timeout_seconds", configuration.timeout_seconds},
  };
  return json.dump(2) + "\n";
}

std::optional<Configuration> from_json(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    Configuration read;
    read.app_name = json.value("app_name", read.app_name);
    read.log_level = json.value("log_level", read.log_level);
    read.max_connections = json.value("max_connections", read.max_connections);
    read.cache_size_mb = json.value("cache_size_mb", read.cache_size_mb);
    read.timeout_seconds = json.value("timeout_seconds", read.timeout_seconds);
    return read;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

void say_changed(const Configuration& configuration) {
  ipc::say("Configuration changed:");
  ipc::say("- App name: {}", configuration.app_name);
  ipc::say("- Log level: {}", configuration.log_level);
  ipc::say("- Max connections: {}", configuration.max_connections);
  ipc::say("- Cache size: {} MB", configuration.cache_size_mb);
  ipc::say("- Timeout: {} seconds", configuration.timeout_seconds);
}
