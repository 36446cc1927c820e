// Wrong: "removing" a server deletes its entry, and nothing else.
//
// Its monitor continues, and with the next check the entry is back, as in the
// guide's program.

#include <map>
#include <string>

#include "common/channel/connection.h"
#include "common/lab/lab.h"
#include "common/process/process.h"
#include "common/report/report.h"
#include "labs/status_monitor/sites.h"

namespace {

using Table = std::map<std::string, Answer>;

void monitor(const Target& target, ipc::Connection& control) {
  while (control.receive()) {
    const Answer answer = check(target);
    ipc::say("Status is {} (Response time: {:.3f} ms)", answer.status,
             answer.response_s * 1000);
    ipc::ensure(control.send(answer.status));
  }
}

void report(const Table& table, int round) {
  ipc::say("===== SERVER STATUS REPORT, ROUND {} =====", round);
  ipc::say("Details:");
  for (const auto& [name, answer] : table) {
    ipc::say("- {}: {}, 1.000 ms", name, answer.status);
  }
}

void play(ipc::Connection& to_monitor, const std::string& name) {
  Table table;
  for (int round = 1; round <= 2; ++round) {
    ipc::ensure(to_monitor.send("check"));
    table[name] = {*to_monitor.receive()};
    report(table, round);
    if (round == 1) {
      ipc::say("Removing monitor for {}", name);
      table.erase(name);  // Missing: to end the monitor.
      ipc::say("Removed monitor for {} after round {}", name, round);
    }
  }
}

std::string lesson() {
  const Sites sites;
  const std::string name = "missing.test";
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process process("Monitor for " + name, [&] {
    ends.first.close();
    monitor(sites.all().at(name).target, ends.second);
  });
  ipc::Process control("Control", [&] { play(ends.first, name); });
  ends.first.close();
  const bool ok = control.join() == 0;
  return process.join() == 0 && ok ? "" : "a process failed";
}

}  // namespace

int main(int argc, char** argv) {
  ipc::Lab lab("back_again", "A process watches each web server.");
  return lab.run(argc, argv, lesson);
}
