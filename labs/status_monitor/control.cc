#include "labs/status_monitor/control.h"

#include <poll.h>

#include <algorithm>
#include <stdexcept>

#include "common/base/clock.h"
#include "common/lab/lab.h"
#include "common/report/report.h"
#include "labs/status_monitor/table.h"

namespace {

constexpr double kRoundS = 5;
constexpr int kRoundsPerReport = 2;
constexpr double kPatienceS = 10;  // Beyond the longest limit of a check.

void monitor(const std::string& name, const Target& target,
             ipc::Connection& control, ipc::Queue& table) {
  ipc::say("Started");
  while (control.receive()) {
    const Answer answer = check(target);
    ipc::say("Status is {} (Response time: {:.3f} ms)", answer.status,
             answer.response_s * 1000);
    const auto put = table.put(encode({Change::Kind::check, name, answer}));
    if (put != ipc::QueueStatus::ok) return;
    ipc::ensure(control.send("done"));
  }
}

}  // namespace

void Control::add(const std::string& name, const Target& target) {
  ipc::ensure(table_.put(encode({Change::Kind::add, name})));
  limit_s_ = std::max(limit_s_, target.limit_s);
  ipc::ConnectionPair ends = ipc::make_connections();
  ipc::Process process("Monitor for " + name, [&] {
    ends.first.close();
    monitor(name, target, ends.second, table_);
  });
  monitors_.emplace(name, std::pair(std::move(process), std::move(ends.first)));
}

void Control::remove(const std::string& name, int round) {
  ipc::say("Removing monitor for {}", name);
  ipc::Process& process = monitors_.at(name).first;
  process.terminate();
  process.join();  // [join] From here on it cannot report anything.
  ipc::ensure(table_.put(encode({Change::Kind::remove, name})));
  ipc::say("Removed monitor for {} after round {}", name, round);
  monitors_.erase(name);
}

void Control::play_round(int round, bool last) {
  const auto next = ipc::Deadline::after(ipc::paced_s(kRoundS));
  // A monitor that has ended is noticed below: it does not report.
  for (auto& [name, monitor] : monitors_) (void)monitor.second.send("check");
  const auto deadline =
      ipc::Deadline::after(limit_s_ + kPatienceS * ipc::time_scale());
  for (auto& [name, monitor] : monitors_) {
    const auto done = monitor.second.receive_until(deadline);
    if (done) continue;
    const bool late = done.status == ipc::Transfer::timed_out;
    throw std::runtime_error("the monitor for " + name +
                             (late ? " does not report" : " has ended"));
  }
  if (round % kRoundsPerReport == 0) {
    ipc::ensure(
        table_.put(encode({Change::Kind::report, std::to_string(round)})));
  }
  if (!last) ::poll(nullptr, 0, next.poll_ms());
}
