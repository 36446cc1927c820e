// Small web servers on this machine, one process each, and one for each thing
// that may become of a request. Nothing outside of the machine is asked.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/process/process.h"
#include "labs/status_monitor/check.h"

struct Site {
  Target target;
  std::string status;  // What a monitor must find.
};

class Sites {
 public:
  Sites();
  Sites(const Sites&) = delete;
  Sites& operator=(const Sites&) = delete;
  Sites(Sites&&) = delete;
  Sites& operator=(Sites&&) = delete;
  ~Sites() = default;

  // By name: "missing.test".
  [[nodiscard]] const std::map<std::string, Site>& all() const {
    return sites_;
  }

 private:
  using Serve = std::function<void(const ipc::UniqueFd& listener)>;
  void add(const std::string& scheme, const std::string& name,
           const std::string& status, const Serve& serve, bool about_time);
  void add_answer(const std::string& name, const std::string& status,
                  const std::string& line, double delay_s = 0);

  std::map<std::string, Site> sites_;
  std::vector<ipc::UniqueFd> sockets_;
  std::vector<ipc::Process> processes_;
};
