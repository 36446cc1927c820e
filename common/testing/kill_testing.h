// Kills participants at random instants, and checks what becomes of the others.
//
// A trial runs some processes that repeat a step forever. It kills one after
// the other with SIGKILL, expects after each kill that all the others make
// progress, and replaces the killed one. It counts where the kills landed: a
// thousand kills that all land outside the critical section prove nothing.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "common/memory/shared.h"
#include "common/process/process.h"

namespace ipc::testing {

// Where a participant is; it sets this itself.
enum class Phase { outside, calling, inside };

struct Participant {
  std::atomic<Phase> phase{Phase::outside};
  std::atomic<uint64_t> steps{0};
};

// Keeps the CPU busy for this time, without sleeping.
void spin_us(int64_t duration_us);

class KillTrial {
 public:
  // One step of participant `index`, which sets its phase in `self`. A step
  // that finds something wrong ends the process with a status that is not 0.
  using Step = std::function<void(int index, Participant& self)>;

  KillTrial(std::string name, int participants, Step step)
      : name_(std::move(name)), step_(std::move(step)), count_(participants) {}

  // What the test does after a death, before it looks at the others.
  std::function<void(int index, Phase phase)> after_death = [](int, Phase) {};
  // What it does again and again while it waits for their progress.
  std::function<void()> meanwhile = [] {};
  // What it does, when no more steps begin, so that waiting participants end.
  std::function<void()> at_end = [] {};

  // Of ten kills, this many are aimed at a participant that is inside, and one
  // at any participant; the others are aimed at a participant in a call.
  unsigned inside_of_ten = 6;

  // How many kills must land in a phase. If the first ones did not, up to four
  // times as many follow, because this depends on luck and on the machine.
  void want(Phase phase, int kills) {
    wanted_[static_cast<size_t>(phase)] = kills;
  }

  // Whether all others made progress after each of `kills` kills, each time
  // within `limit_s` (scaled), and no participant found anything wrong.
  ::testing::AssertionResult run(int kills, double limit_s = 1);

  // The same without a kill: whether all make progress `rounds` times. A
  // control that hangs even without a kill would show nothing.
  ::testing::AssertionResult run_calmly(int rounds, double limit_s = 1);

  [[nodiscard]] int kills_in(Phase phase) const {
    return landed_[static_cast<size_t>(phase)];
  }

 private:
  static constexpr int kMaxParticipants = 8;
  static constexpr unsigned kSeed = 20'260'801;

  struct Board {
    Participant participants[kMaxParticipants];
    std::atomic<bool> stop{false};
  };

  void start(int index);
  [[nodiscard]] bool wants_more() const;
  int choose_victim();
  std::string kill_one();
  std::string await_progress(int victim);
  std::string stop();
  ::testing::AssertionResult result(const std::string& trouble);
  void print() const;

  std::string name_;
  Step step_;
  int count_;
  double limit_s_ = 1;
  std::mt19937 random_{kSeed};
  Shared<Board> board_;
  std::vector<Process> processes_;
  int landed_[3] = {};
  int wanted_[3] = {};
  int64_t begin_ns_ = 0;
  int64_t slowest_ns_ = 0;
};

}  // namespace ipc::testing
