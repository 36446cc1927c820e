// The control of the monitors: which there are, and when they check.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "common/channel/connection.h"
#include "common/channel/queue.h"
#include "common/process/process.h"
#include "labs/status_monitor/check.h"

class Control {
 public:
  explicit Control(ipc::Queue& table) : table_(table) {}

  // Starts a monitor, which waits for the next round.
  void add(const std::string& name, const Target& target);

  // When it returns, no more will be reported of the server.
  void remove(const std::string& name, int round);

  // Has all servers checked at once, and a report printed every second round.
  // Returns when the next round is due, or at once after the last one.
  // Errors: std::runtime_error if a monitor has ended or does not report.
  void play_round(int round, bool last);

 private:
  ipc::Queue& table_;
  double limit_s_ = 0;  // The longest of any server.
  std::map<std::string, std::pair<ipc::Process, ipc::Connection>> monitors_;
};
