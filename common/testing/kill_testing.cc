#include "common/testing/kill_testing.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "common/base/clock.h"
#include "common/testing/sync_testing.h"

namespace ipc::testing {

namespace {

// Returns the share of a CPU that each process which wants one gets now.
double cpu_share() {
  // "0.20 0.18 0.12 3/80 11206": of 80, 3 want to run; see proc(5).
  std::ifstream file("/proc/loadavg");
  std::string skipped;
  double running = 1;
  file >> skipped >> skipped >> skipped >> running;
  const auto cpus = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
  return std::min(1.0, cpus / std::max(1.0, running));
}

}  // namespace

void spin_us(int64_t duration_us) {
  const int64_t end_ns = now_ns() + duration_us * 1000;
  while (now_ns() < end_ns) {
  }
}

::testing::AssertionResult KillTrial::run(int kills, double limit_s) {
  limit_s_ = limit_s * time_scale();
  begin_ns_ = now_ns();
  for (int i = 0; i < count_; ++i) start(i);
  std::string trouble = await_progress(-1);
  for (int i = 0; i < kills && trouble.empty(); ++i) trouble = kill_one();
  for (int i = 0; i < 4 * kills && wants_more() && trouble.empty(); ++i) {
    trouble = kill_one();
  }
  return result(trouble);
}

bool KillTrial::wants_more() const {
  return !std::equal(std::begin(landed_), std::end(landed_),
                     std::begin(wanted_), std::greater_equal<>());
}

::testing::AssertionResult KillTrial::run_calmly(int rounds, double limit_s) {
  limit_s_ = limit_s * time_scale();
  begin_ns_ = now_ns();
  for (int i = 0; i < count_; ++i) start(i);
  std::string trouble;
  for (int i = 0; i < rounds && trouble.empty(); ++i) {
    trouble = await_progress(-1);
  }
  return result(trouble);
}

::testing::AssertionResult KillTrial::result(const std::string& trouble) {
  const std::string found = trouble.empty() ? stop() : trouble;
  processes_.clear();
  print();
  board_->stop = false;
  if (found.empty()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << name_ << ": " << found;
}

void KillTrial::start(int index) {
  Participant& self = board_->participants[index];
  self.phase = Phase::outside;
  Process process("Participant " + std::to_string(index), [this, index, &self] {
    while (!board_->stop) {
      step_(index, self);
      ++self.steps;
    }
  });
  const auto place = static_cast<size_t>(index);
  if (place < processes_.size()) {
    processes_[place] = std::move(process);
  } else {
    processes_.push_back(std::move(process));
  }
}

// Mostly chooses a participant that is inside just now, or in a call, as soon
// as there is one; sometimes any participant.
int KillTrial::choose_victim() {
  const auto first =
      static_cast<int>(random_() % static_cast<unsigned>(count_));
  const unsigned dice = random_() % 10;
  const Phase aim = dice < inside_of_ten ? Phase::inside : Phase::calling;
  const Deadline deadline = Deadline::after(dice < 9 ? 0.002 : 0);
  while (!deadline.expired()) {
    for (int i = 0; i < count_; ++i) {
      const int index = (first + i) % count_;
      if (board_->participants[index].phase == aim) return index;
    }
  }
  return first;
}

std::string KillTrial::kill_one() {
  ::usleep(random_() % 300);  // A random instant; nothing depends on it.
  const int victim = choose_victim();
  Process& process = processes_[static_cast<size_t>(victim)];
  process.kill();
  const int status = process.join();
  if (status != -SIGKILL) {
    return process.name() + " had ended: " + describe_status(status);
  }
  // It is dead, so this is where it was when it died.
  const Phase phase = board_->participants[victim].phase;
  ++landed_[static_cast<size_t>(phase)];
  after_death(victim, phase);
  std::string trouble = await_progress(victim);
  if (trouble.empty()) start(victim);
  return trouble;
}

// Waits until all participants but the victim have begun and ended a step. On a
// busy machine a second is not much. So the limit does not count the time in
// which the awaited participant only waits for a CPU, and the rest of the time
// counts by the share of a CPU that each process gets.
std::string KillTrial::await_progress(int victim) {
  constexpr int64_t kLongestTurnNs = 2'000'000;
  const Deadline patience = limit();
  const int64_t first_ns = now_ns();
  int64_t last_ns = first_ns;
  double waited_ns = 0;
  for (int i = 0; i < count_; ++i) {
    if (i == victim) continue;
    const std::atomic<uint64_t>& steps = board_->participants[i].steps;
    Process& process = processes_[static_cast<size_t>(i)];
    // Two, because the step that is under way began before the kill.
    const uint64_t goal = steps + 2;
    while (steps < goal) {
      if (!process.is_alive()) {
        return process.name() + " has ended with " +
               describe_status(process.join());
      }
      const std::string doing = activity(process.pid());
      if (waited_ns > limit_s_ * 1e9 || patience.expired()) {
        return process.name() + " hangs: " + doing;
      }
      meanwhile();
      ::usleep(50);
      const int64_t now = now_ns();
      if (doing.rfind('R', 0) != 0) {
        waited_ns += cpu_share() * static_cast<double>(
                                       std::min(now - last_ns, kLongestTurnNs));
      }
      last_ns = now;
    }
  }
  slowest_ns_ = std::max(slowest_ns_, last_ns - first_ns);
  return "";
}

std::string KillTrial::stop() {
  board_->stop = true;
  for (Process& process : processes_) {
    std::optional<int> status;
    const Deadline deadline = limit();
    while (!(status = process.exit_status()) && !deadline.expired()) {
      at_end();
      ::usleep(50);
    }
    if (!status) return process.name() + " does not end";
    if (*status != 0) {
      return process.name() + " has ended with " + describe_status(*status);
    }
  }
  return "";
}

void KillTrial::print() const {
  printf(
      "%s, seed %u: %d kills inside, %d in a call, %d outside; slowest "
      "recovery %.1f ms; %.2f s in all\n",
      name_.c_str(), kSeed, kills_in(Phase::inside), kills_in(Phase::calling),
      kills_in(Phase::outside), static_cast<double>(slowest_ns_) / 1e6,
      to_s(now_ns() - begin_ns_));
}

}  // namespace ipc::testing
