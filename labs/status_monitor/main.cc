// status_monitor: a process for each web server, and one that knows them all.
//
//   Control --"check"--> Monitor for fine.test ---HTTP--> Site fine.test
//           <--"done"---         |
//           --"add", "remove"--> table --> Reporter
//
// Watch for: each way in which a request can end has a status of its own, and a
// response time. A server that is removed does not come back.
// Try: --servers=https://www.example.com if this machine has a network; and
// delete the line [limit] of check.cc.

#include <poll.h>

#include <array>
#include <map>
#include <sstream>
#include <string>

#include "common/base/errors.h"
#include "common/channel/queue.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/status_monitor/control.h"
#include "labs/status_monitor/sites.h"
#include "labs/status_monitor/table.h"

namespace {

constexpr int kAddAfter = 2;
constexpr int kRemoveAfter = 4;
constexpr const char* kAdded = "new.test";
constexpr const char* kRemoved = "missing.test";

int round_count = 6;
std::string servers;

void control_sites(const Sites& sites, ipc::Queue& table) {
  Control control(table);
  for (const auto& [name, site] : sites.all()) {
    if (name != kAdded) control.add(name, site.target);
  }
  for (int round = 1; round <= round_count; ++round) {
    control.play_round(round, round == round_count);
    if (round == kAddAfter) {
      control.add(kAdded, sites.all().at(kAdded).target);
      ipc::say("Added new server monitor for {}", kAdded);
    }
    if (round == kRemoveAfter) control.remove(kRemoved, round);
  }
}

void control_servers(ipc::Queue& table) {
  Control control(table);
  std::istringstream urls(servers);
  for (std::string url; std::getline(urls, url, ',');) {
    control.add(url.substr(url.find("//") + 2), {url});
  }
  for (int round = 1; round <= round_count; ++round) {
    control.play_round(round, round == round_count);
  }
}

std::string url_problem(const std::string& text) {
  std::istringstream urls(text);
  for (std::string url; std::getline(urls, url, ',');) {
    if (url.rfind("http://", 0) != 0 && url.rfind("https://", 0) != 0) {
      return "'" + url + "' does not begin with http:// or https://";
    }
  }
  return "";
}

std::string lesson() {
  ipc::Queue table(100);
  ipc::describe_object("Queue", &table, "table");
  const Sites sites;
  std::map<std::string, std::string> expected;
  for (const auto& [name, site] : sites.all()) expected[name] = site.status;
  if (!servers.empty()) expected.clear();
  ipc::Process reporter("Reporter", [&] { report(table, expected); });
  ipc::Process control("Control", [&] {
    servers.empty() ? control_sites(sites, table) : control_servers(table);
  });
  // Whichever of the two ends first, the other must not wait for it.
  std::array<pollfd, 2> ends{
      {{control.pidfd(), POLLIN, 0}, {reporter.pidfd(), POLLIN, 0}}};
  ipc::check(ipc::retry([&] { return ::poll(ends.data(), ends.size(), -1); }),
             "poll");
  table.close();  // [close]
  const int control_status = control.join();
  if (reporter.join() != 0) return "the reporter failed";
  if (control_status != 0) return "the control failed";
  ipc::say("All done!");
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("status_monitor", "A process watches each web server.");
  lab.option("--rounds", round_count, 1, 1'000'000, "checks of each server");
  lab.option("--servers", servers, url_problem, "others instead: URL,URL,...");
  return lab.run(argc, argv, lesson, 86'400);
}
