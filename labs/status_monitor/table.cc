#include "labs/status_monitor/table.h"

#include <sstream>
#include <stdexcept>

#include "common/report/report.h"

namespace {

using Table = std::map<std::string, Answer>;

void print(const Table& table, const std::string& round) {
  ipc::say("===== SERVER STATUS REPORT, ROUND {} =====", round);
  std::map<std::string, int> counts;
  for (const auto& [name, answer] : table) ++counts[answer.status];
  ipc::say("Summary:");
  for (const auto& [status, count] : counts) {
    ipc::say("- {}: {} server(s)", status, count);
  }
  ipc::say("Details:");
  for (const auto& [name, answer] : table) {
    const std::string error =
        answer.error.empty() ? "" : " (" + answer.error + ")";
    ipc::say("- {}: {}, {:.3f} ms{}", name, answer.status,
             answer.response_s * 1000, error);
  }
}

void apply(Table& table, const Change& change,
           const std::map<std::string, std::string>& expected) {
  if (change.kind == Change::Kind::report) return print(table, change.name);
  if (change.kind == Change::Kind::add) {
    table[change.name] = {"unknown", 0};
    return;
  }
  if (table.erase(change.name) == 0) {  // [removed]
    throw std::runtime_error(change.name + " is not monitored");
  }
  if (change.kind == Change::Kind::remove) return;
  table[change.name] = change.answer;
  const auto found = expected.find(change.name);
  if (found != expected.end() && found->second != change.answer.status) {
    throw std::runtime_error(change.name + " is " + change.answer.status +
                             ", not " + found->second);
  }
}

}  // namespace

// Fields end with a newline.
std::string encode(const Change& change) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n", static_cast<char>(change.kind),
                     change.name, change.answer.status, change.answer.error,
                     change.answer.response_s);
}

Change decode(const std::string& bytes) {
  std::istringstream fields(bytes);
  Change change;
  std::string kind;
  std::getline(fields, kind);
  change.kind = Change::Kind{kind.at(0)};
  std::getline(fields, change.name);
  std::getline(fields, change.answer.status);
  std::getline(fields, change.answer.error);
  fields >> change.answer.response_s;
  return change;
}

void report(ipc::Queue& changes,
            const std::map<std::string, std::string>& expected) {
  ipc::say("Started");
  Table table;
  while (const auto item = changes.get()) {
    apply(table, decode(*item), expected);
  }
}
