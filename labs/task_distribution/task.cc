#include "labs/task_distribution/task.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/lab/lab.h"

namespace ipc {
namespace {

using nlohmann::json;

constexpr std::array kTypeNames = {"calculation", "analysis", "validation"};

constexpr double kSecondsPerUnit = 0.1;

std::optional<TaskType> type_from(std::string_view name) {
  for (size_t i = 0; i < kTypeNames.size(); ++i) {
    if (name == kTypeNames.at(i)) return static_cast<TaskType>(i);
  }
  return std::nullopt;
}

// The object in a text, or an empty one if it is none; nothing is trusted.
json parse(std::string_view text) {
  json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return document.is_object() ? std::move(document) : json::object();
}

}  // namespace

const char* describe(TaskType type) {
  return kTypeNames.at(static_cast<size_t>(type));
}

Task make_task(int id, std::mt19937& random) {
  const auto type = static_cast<TaskType>(random_int(random, 0, 2));
  const int data = random_int(random, 1000, 9999);
  return {id, type, data, random_int(random, 1, 5)};
}

TaskResult process(const Task& task, int worker_id) {
  const double seconds = task.complexity * kSecondsPerUnit;
  pause_s(seconds);
  return {task.id, worker_id, task.data * task.complexity, seconds};
}

std::string to_text(const Task& task) {
  return json{{"id", task.id},
              {"type", describe(task.type)},
              {"data", task.data},
              {"complexity", task.complexity}}
      .dump();
}

std::string to_text(const TaskResult& result) {
  return json{{"task_id", result.task_id},
              {"worker_id", result.worker_id},
              {"result_data", result.data},
              {"processing_time", result.processing_s}}
      .dump();
}

std::optional<Task> task_from(std::string_view text) try {
  const json document = parse(text);
  const auto type = type_from(document.at("type").get<std::string>());
  if (!type) return std::nullopt;
  return Task{document.at("id").get<int>(), *type,
              document.at("data").get<int>(),
              document.at("complexity").get<int>()};
} catch (const json::exception&) {
  return std::nullopt;  // A field is missing, or is of another type.
}

std::optional<TaskResult> result_from(std::string_view text) try {
  const json document = parse(text);
  return TaskResult{document.at("task_id").get<int>(),
                    document.at("worker_id").get<int>(),
                    document.at("result_data").get<int>(),
                    document.at("processing_time").get<double>()};
} catch (const json::exception&) {
  return std::nullopt;
}

bool Books::enter(const TaskResult& result) {
  const auto index = static_cast<size_t>(result.task_id);
  if (done_.at(index)) {
    ++repeated_count_;
    return false;
  }
  done_[index] = true;
  ++done_count_;
  processing_s_ += result.processing_s;
  return true;
}

}  // namespace ipc
