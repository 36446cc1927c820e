// The explorer's reduction must leave out no order that makes a difference, and
// leave out every order that makes none.
//
// These tests check both against a second opinion. They also run small programs
// in this process, as plain function calls in every order: all programs of two
// and three processes that can be made of a few accesses to two numbers. This
// shows which outcomes there are, and how many classes of orders: two orders
// are in one class if they differ only in steps that do not conflict. Sleep
// sets play exactly one schedule of each class. For what is neither a load nor
// a store, such as a wake-up or a death, the tests compare with the exploration
// of all orders instead.
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/base/wait_ready.h"
#include "common/explore/explorer.h"
#include "common/explore/memory_watch.h"
#include "common/memory/shared.h"
#include "common/process/pipe.h"
#include "common/process/process_identity.h"
#include "common/sync/futex.h"
#include "common/sync/lock.h"

namespace {

using ipc::Deadline;
using ipc::Exploration;
using ipc::ExploreOptions;
using ipc::Scenario;
using ipc::Schedule;
using ipc::Shared;

using Texts = std::vector<std::string>;

ExploreOptions reduced(int kills = 0) {
  return {.kills = kills, .memory_only = true, .reduce = true};
}

// --- Programs of loads and stores, and a second opinion.

// One letter is one access, and one step. Small letters are for x, capital ones
// for y: Read and keep what was read, Write, Add, Increment by a load and a
// store, or do Nothing.
//
// A program has one text for each process: {"rw", "aR"} has two processes.
using Program = std::vector<std::string>;

struct Numbers {
  alignas(64) std::atomic<int64_t> x{0};
  alignas(64) std::atomic<int64_t> y{0};
  struct Kept {
    alignas(64) std::atomic<int64_t> value{0};
  };
  std::array<std::array<Kept, 2>, 3> kept{};
};

void access(char letter, size_t process, size_t step, Numbers& numbers) {
  std::atomic<int64_t>& number =
      std::islower(letter) != 0 ? numbers.x : numbers.y;
  switch (std::tolower(letter)) {
    case 'r':
      numbers.kept.at(process).at(step).value = number.load();
      break;
    case 'w':
      number = static_cast<int64_t>(10 * process + step + 1);
      break;
    case 'a':
      number.fetch_add(100);
      break;
    case 'i':
      number = number.load() + 1000;
      break;
    default:
      break;
  }
}

std::string text_of(const Numbers& numbers) {
  std::string text = "x" + std::to_string(numbers.x.load()) + " y" +
                     std::to_string(numbers.y.load());
  for (const auto& of_process : numbers.kept) {
    for (const auto& kept : of_process) {
      text += " " + std::to_string(kept.value.load());
    }
  }
  return text;
}

Scenario scenario_of(const Program& program) {
  return [program](Schedule& schedule) {
    const Shared<Numbers> numbers;
    for (size_t i = 0; i < program.size(); ++i) {
      schedule.add("P" + std::to_string(i), [&, i] {
        for (size_t step = 0; step < program[i].size(); ++step) {
          if (step > 0) ipc::point("next");
          access(program[i][step], i, step, *numbers);
        }
      });
    }
    schedule.run();
    return text_of(*numbers);
  };
}

bool conflict(char a, char b) {
  if (a == 'n' || b == 'n') return false;
  const bool same_number = (std::islower(a) != 0) == (std::islower(b) != 0);
  const bool only_read = std::tolower(a) == 'r' && std::tolower(b) == 'r';
  return same_number && !only_read;
}

// What the explorer should find. A class of orders is written as its choices,
// and the pairs of them that conflict, in their order.
struct Expected {
  std::set<std::string> texts;
  std::set<std::string> classes;
};

// Plays all orders of a program, with at most `kills` deaths.
class Imagined {
 public:
  Imagined(const Program& program, int kills) : program_(program) {
    go_on("", kills);
  }
  [[nodiscard]] const Expected& expected() const { return expected_; }

 private:
  // Capital letters are steps and small ones deaths, as in a witness.
  void go_on(const std::string& played, int kills) {
    bool any = false;
    for (size_t i = 0; i < program_.size(); ++i) {
      const auto step = static_cast<char>('A' + i);
      const auto death = static_cast<char>('a' + i);
      const auto taken = std::count(played.begin(), played.end(), step);
      const bool ended = taken == std::ssize(program_[i]) ||
                         played.find(death) != std::string::npos;
      if (ended) continue;
      any = true;
      go_on(played + step, kills);
      if (kills > 0) go_on(played + death, kills - 1);
    }
    if (!any) note(played);
  }

  void note(const std::string& played) {
    Numbers numbers;
    std::vector<size_t> steps(program_.size());
    std::vector<std::string> done;  // "0.1r": the second step of process 0.
    std::set<std::string> choices;
    for (const char letter : played) {
      const auto process = static_cast<size_t>((letter | 0x20) - 'a');
      std::string name = std::to_string(process) + ".";
      if (std::islower(letter) != 0) {
        choices.insert(name + "dies");
        continue;
      }
      const size_t step = steps[process]++;
      const char what = program_[process][step];
      access(what, process, step, numbers);
      name += std::to_string(step) + what;
      choices.insert(name);
      done.push_back(name);
    }
    expected_.texts.insert(text_of(numbers));
    std::string name;
    for (const auto& choice : choices) name += choice + " ";
    expected_.classes.insert(name + orders_of(done));
  }

  static std::string orders_of(const std::vector<std::string>& done) {
    std::set<std::string> orders;
    for (size_t i = 0; i < done.size(); ++i) {
      for (size_t k = i + 1; k < done.size(); ++k) {
        if (done[i][0] == done[k][0]) continue;  // Both of one process.
        if (!conflict(done[i].back(), done[k].back())) continue;
        orders.insert(done[i] + "<" + done[k]);
      }
    }
    std::string text;
    for (const auto& order : orders) text += order + " ";
    return text;
  }

  const Program& program_;
  Expected expected_;
};

void expect_as_imagined(const Program& program, int kills = 0) {
  const Imagined imagined(program, kills);
  const Expected& expected = imagined.expected();
  const Exploration found = ipc::explore(scenario_of(program), reduced(kills));
  const std::string name = ::testing::PrintToString(program);
  EXPECT_EQ(found.texts(), Texts(expected.texts.begin(), expected.texts.end()))
      << name;
  EXPECT_EQ(found.schedules, std::ssize(expected.classes)) << name;
}

class Reduction : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ipc::kMemoryWatchWorks) GTEST_SKIP() << "needs x86-64";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "takes too long with a sanitizer";
#endif
  }
};

// Each pair once: which of the two is the first process makes no difference.
TEST_F(Reduction, PlaysOneOrderOfEachClassOfTwoSteps) {
  const std::string kinds = "rwaRWn";
  Texts programs;
  for (const char first : kinds) {
    for (const char second : kinds) programs.push_back({first, second});
  }
  for (size_t i = 0; i < programs.size(); ++i) {
    for (size_t k = i; k < programs.size(); ++k) {
      expect_as_imagined({programs[i], programs[k]});
      if (HasFailure()) return;
    }
  }
}

TEST_F(Reduction, PlaysOneOrderOfEachClassOfThreeProcesses) {
  const std::string kinds = "rwaiW";
  for (const char a : kinds) {
    for (const char b : kinds) {
      for (const char c : kinds) {
        expect_as_imagined({{a}, {b}, {c}});
        if (HasFailure()) return;
      }
    }
  }
  for (const Program& program : {Program{"rw", "rw", "rw"},
                                 {"rw", "Rw", "wW"},
                                 {"wR", "Wr", "nn"},
                                 {"wW", "rR", "Rr"},
                                 {"ra", "aR", "WA"},
                                 {"ir", "iw", "rI"}}) {
    expect_as_imagined(program);
  }
}

TEST_F(Reduction, PlaysOneOrderOfEachClassWithADeath) {
  for (const Program& program : {Program{"rw", "rw"},
                                 {"wr", "wr"},
                                 {"wW", "Rr"},
                                 {"ra", "ww"},
                                 {"nn", "nn"},
                                 {"r", "w", "a"},
                                 {"w", "W", "rR"}}) {
    expect_as_imagined(program, 1);
    expect_as_imagined(program, 2);
  }
}

// --- Bytes: which process touches which of them, and how many at once.

constexpr size_t kPageBytes = 4096;

struct Bytes {
  alignas(kPageBytes) std::array<char, 2 * kPageBytes> all{};
  alignas(64) std::array<char, 32> kept{};
};

// One process writes a byte, and another one reads a block of `block_bytes`. If
// the byte is in the block, or may be, there are two classes of orders; if not,
// one.
Exploration write_and_read(size_t written, size_t block, size_t block_bytes) {
  const auto scenario = [=](Schedule& schedule) -> std::string {
    const Shared<Bytes> bytes;
    schedule.add("Writer", [&] {
      *static_cast<volatile char*>(&bytes->all[written]) = 'x';
    });
    schedule.add("Reader", [&] {
      ::memcpy(bytes->kept.data(), &bytes->all[block], block_bytes);
    });
    schedule.run();
    const bool seen = bytes->kept[written - block] == 'x';
    return written >= block && written < block + block_bytes && seen
               ? "seen"
               : "not seen";
  };
  return ipc::explore(scenario, reduced());
}

TEST_F(Reduction, SeesEachByteThatTwoStepsHaveInCommon) {
  for (const size_t block_bytes : {size_t{1}, size_t{8}, size_t{16}}) {
    for (const size_t block : {size_t{64}, kPageBytes - 4, kPageBytes - 1}) {
      for (size_t byte = block; byte < block + block_bytes; ++byte) {
        const Exploration found = write_and_read(byte, block, block_bytes);
        EXPECT_EQ(found.texts(), (Texts{"not seen", "seen"}))
            << byte - block << " of " << block_bytes << " at " << block;
      }
    }
  }
}

TEST_F(Reduction, DoesNotTakeNeighboursForOneNumber) {
  struct Words {
    alignas(64) std::array<std::atomic<int64_t>, 3> all{};
    alignas(64) std::atomic<int64_t> kept{0};
  };
  for (const size_t other : {size_t{0}, size_t{1}, size_t{2}}) {
    const auto scenario = [=](Schedule& schedule) {
      const Shared<Words> words;
      schedule.add("Writer", [&] { words->all[1] = 7; });
      schedule.add("Reader",
                   [&] { words->kept = words->all.at(other).load(); });
      schedule.run();
      return std::to_string(words->kept.load());
    };
    EXPECT_EQ(ipc::explore(scenario, reduced()).schedules, other == 1 ? 2 : 1)
        << other;
  }
}

// --- What is neither a load nor a store.

// Also checks how many schedules there are, with and without the reduction. If
// a number changes, the explorer takes other pairs of steps for conflicts.
void expect_same(const char* name, const Scenario& scenario, int kills,
                 int64_t all, int64_t fewer, const Texts& texts) {
  ExploreOptions options = reduced(kills);
  const Exploration quick = ipc::explore(scenario, options);
  options.reduce = false;
  const Exploration full = ipc::explore(scenario, options);
  EXPECT_EQ(full.texts(), texts) << name;
  EXPECT_EQ(quick.texts(), texts) << name;
  EXPECT_EQ(full.schedules, all) << name;
  EXPECT_EQ(quick.schedules, fewer) << name;
}

struct Sleep {
  alignas(64) std::atomic<uint32_t> word{0};
  alignas(64) std::array<std::atomic<int>, 3> seen{};
};

// The process that slept first is woken first; the other one sleeps forever.
std::string one_wake_up_for_two(Schedule& schedule) {
  const Shared<Sleep> board;
  for (int i = 0; i < 2; ++i) {
    schedule.add("Sleeper " + std::to_string(i),
                 [&] { ipc::futex_wait(board->word, 0, Deadline::never()); });
  }
  schedule.add("Waker",
               [&] { board->seen[2] = ipc::futex_wake(board->word, 1); });
  schedule.run();
  return "";
}

// The outcome is the place, in the line of the sleepers, of the one that is
// woken.
std::string a_wake_up_for_the_first(Schedule& schedule) {
  struct Board {
    Sleep sleep;
    std::atomic<int> line{0};
    std::atomic<int> woken{0};
  };
  const Shared<Board> board;
  for (int i = 0; i < 2; ++i) {
    schedule.add("Sleeper " + std::to_string(i), [&] {
      const int place = ++board->line;
      const int64_t begin_ns = ipc::now_ns();
      ipc::futex_wait(board->sleep.word, 0, Deadline::after(60));
      if (ipc::now_ns() == begin_ns) board->woken = place;
    });
  }
  schedule.add("Waker", [&] { ipc::futex_wake(board->sleep.word, 1); });
  schedule.run();
  return std::to_string(board->woken);
}

// The waker does not touch the word: only the wake-up itself conflicts.
std::string a_wake_up_and_a_sleep(Schedule& schedule) {
  const Shared<Sleep> board;
  schedule.add("Sleeper",
               [&] { ipc::futex_wait(board->word, 0, Deadline::after(60)); });
  schedule.add("Waker",
               [&] { board->seen[1] = ipc::futex_wake(board->word, 1); });
  schedule.run();
  return std::to_string(board->seen[1]) + " woken";
}

TEST_F(Reduction, WakesTheProcessThatSleptFirst) {
  expect_same("the first of the line", a_wake_up_for_the_first, 0, 10, 10,
              {"0", "1"});
}

TEST_F(Reduction, SeesThatSleepsAndWakeUpsConflict) {
  expect_same("one wake-up for two", one_wake_up_for_two, 0, 8, 8,
              {"deadlock: Sleeper 0 waits for something",
               "deadlock: Sleeper 0 waits for something; Sleeper 1 waits for "
               "something",
               "deadlock: Sleeper 1 waits for something"});
  expect_same("a wake-up and a sleep", a_wake_up_and_a_sleep, 0, 2, 2,
              {"0 woken", "1 woken"});
  expect_same("a wake-up, a sleep, a death", a_wake_up_and_a_sleep, 1, 9, 7,
              {"0 woken", "1 woken"});
}

// No process waits: the outcome shows whether the lock was free.
std::string a_lock_that_is_tried(Schedule& schedule) {
  struct Board {
    ipc::Lock lock;
    alignas(64) std::array<std::atomic<int>, 8> got{};
  };
  const Shared<Board> board;
  schedule.add("Owner", [&] {
    const ipc::Guard guard(board->lock);
    ipc::point("inside");
  });
  schedule.add("Other", [&] {
    if (!board->lock.try_lock()) return;
    board->got[0] = 1 + (board->lock.owner_died() ? 1 : 0);
    board->lock.unlock();
  });
  schedule.run();
  return std::to_string(board->got[0]);
}

TEST_F(Reduction, SeesThatALockConflictsWithATryAndWithTheDeathOfItsOwner) {
  expect_same("a lock that is tried", a_lock_that_is_tried, 0, 3, 3,
              {"0", "1"});
  expect_same("a lock that is tried, a death", a_lock_that_is_tried, 1, 11, 8,
              {"0", "1", "2"});
}

// The first process aborts in a step, with the lock in its hands.
std::string aborting_owner(Schedule& schedule) {
  const Shared<ipc::Lock> lock;
  const Shared<std::atomic<bool>> died(false);
  schedule.add("Owner", [&] {
    (void)lock->lock();
    ipc::point("has the lock");
    ::abort();
  });
  schedule.add("Heir", [&] {
    died->store(lock->lock() == ipc::Acquired::owner_died);
    lock->unlock();
  });
  try {
    schedule.run();
  } catch (const ipc::BadEnd& end) {
    if (end.kind() != ipc::BadEnd::Kind::failed) throw;
  }
  return died->load() ? "the owner died" : "the heir came first";
}

TEST_F(Reduction, LetsTheKernelMarkTheLockOfAProcessThatAborts) {
  const Exploration all = explore(aborting_owner, {.memory_only = true});
  const Exploration few = explore(aborting_owner, reduced());
  EXPECT_EQ(few.texts(), all.texts());
  EXPECT_EQ(all.texts(), (Texts{"the heir came first", "the owner died"}));
}

// One process looks whether the other one is alive, while that one ends or is
// killed.
std::string a_look_and_an_end(Schedule& schedule) {
  struct Board {
    ipc::Holder holder{};
    alignas(64) std::atomic<int> seen{0};
    alignas(64) std::atomic<int> other{0};
  };
  const Shared<Board> board;
  schedule.add("Mortal", [&] {
    board->holder = ipc::holder_self();
    ipc::point("known");
    board->other = 1;
  });
  schedule.add("Looker", [&] {
    const ipc::Holder holder = board->holder;
    ipc::point("before the look");
    if (holder == ipc::Holder{}) return;
    board->seen = ipc::holder_alive(holder) ? 1 : 2;
  });
  schedule.run();
  return std::to_string(board->seen);
}

TEST_F(Reduction, SeesThatAnEndConflictsWithALookWhetherItLives) {
  expect_same("a look and an end", a_look_and_an_end, 0, 6, 3, {"0", "1", "2"});
  expect_same("a look and a death", a_look_and_an_end, 1, 24, 10,
              {"0", "1", "2"});
}

// The death of a sleeper; and two processes that may die, of which only one
// does.
std::string two_sleepers_and_a_wake_up(Schedule& schedule) {
  const Shared<Sleep> board;
  for (size_t i = 0; i < 2; ++i) {
    schedule.add("Sleeper " + std::to_string(i), [&, i] {
      ipc::futex_wait(board->word, 0, Deadline::after(60));
      board->seen.at(i) = 1;
    });
  }
  schedule.add("Waker",
               [&] { board->seen[2] = ipc::futex_wake(board->word, 1); });
  schedule.run();
  return std::to_string(board->seen[0]) + std::to_string(board->seen[1]) +
         std::to_string(board->seen[2]);
}

TEST_F(Reduction, SeesThatTheDeathOfASleeperAndAWakeUpConflict) {
  expect_same("two sleepers, a wake-up, a death", two_sleepers_and_a_wake_up, 1,
              64, 50, {"010", "011", "100", "101", "110", "111"});
}

// The first death decides what the waker sees, the waker decides what the
// reader sees, and the reader may die after that.
std::string a_death_that_comes_late(Schedule& schedule) {
  struct Board {
    Sleep sleep;
    alignas(64) std::atomic<int> sleeps{0};
    alignas(64) std::atomic<int> said{0};
    alignas(64) std::atomic<int> read{0};
    alignas(64) std::atomic<int> done{0};
  };
  const Shared<Board> board;
  schedule.add("Reader", [&] {
    board->read = board->said + 1;
    ipc::point("has read");
    board->done = 1;
  });
  schedule.add("Sleeper", [&] {
    board->sleeps = 1;
    ipc::futex_wait(board->sleep.word, 0, Deadline::after(60));
  });
  schedule.add("Waker", [&] {
    if (board->sleeps == 0) return;
    board->said = 1 + ipc::futex_wake(board->sleep.word, 1);
  });
  schedule.run();
  return std::to_string(board->said) + std::to_string(board->read) +
         std::to_string(board->done);
}

TEST_F(Reduction, SeesADeathAfterEachStepOfTheSameProcess) {
  expect_same("a death that comes late", a_death_that_comes_late, 2, 213, 30,
              {"000", "010", "011", "100", "110", "111", "120", "121", "200",
               "210", "211", "230", "231"});
}

// When the last process that could continue has died, the sleepers look again
// one after the other. A process that dies after its look has let time pass;
// one that dies before it has not.
std::string looks(Schedule& schedule) {
  struct Board {
    alignas(64) std::array<std::atomic<uint32_t>, 64> words{};
    alignas(64) std::atomic<int64_t> tenths{0};
  };
  const Shared<Board> board;
  const auto sleep = [&](size_t word) {
    const int64_t begin_ns = ipc::now_ns();
    ipc::futex_wait(board->words.at(word), 0, Deadline::after(60));
    return (ipc::now_ns() - begin_ns) / 100'000'000;
  };
  schedule.add("Mortal", [&] { (void)sleep(0); });
  schedule.add("Other", [&] { board->tenths = 1 + sleep(32); });
  schedule.add("Runner", [&] { ipc::point("not always passed"); });
  schedule.run();
  return std::to_string(board->tenths);
}

TEST_F(Reduction, SeesADeathAfterTimeHasPassed) {
  expect_same("looks", looks, 2, 450, 24, {"0", "2", "3", "601"});
}

// A death makes the sleepers look again soon. A death that comes after their
// deadline does not. So it makes a difference when the death comes.
std::string deadlines(Schedule& schedule) {
  struct Board {
    alignas(64) std::array<std::atomic<uint32_t>, 64> words{};
    alignas(64) std::atomic<int64_t> seconds{0};
  };
  const Shared<Board> board;
  const auto sleep = [&](size_t word) {
    const int64_t begin_ns = ipc::now_ns();
    ipc::futex_wait(board->words.at(word), 0, Deadline::after(60));
    return (ipc::now_ns() - begin_ns) / 1'000'000'000;
  };
  schedule.add("Mortal", [&] { (void)sleep(0); });
  schedule.add("Other", [&] { board->seconds = 1 + sleep(32); });
  schedule.run();
  return std::to_string(board->seconds);
}

TEST_F(Reduction, SeesWhatComesAfterTimeHasPassed) {
  expect_same("deadlines", deadlines, 1, 18, 5, {"0", "1", "61"});
}

// The explorer takes what it cannot see in memory to conflict with everything:
// a wait at the gate, and a wait in a system call that no event announces.
std::string a_pipe(Schedule& schedule, bool waits_at_gate) {
  struct Board {
    struct Kept {
      alignas(64) char byte = '.';
    };
    std::array<Kept, 2> kept{};
  };
  ipc::Pipe pipe = ipc::make_pipe();
  const Shared<Board> board;
  for (size_t i = 0; i < 2; ++i) {
    schedule.add("Reader " + std::to_string(i), [&, i] {
      const bool ready =
          !waits_at_gate ||
          ipc::wait_ready(pipe.reader.get(), POLLIN, Deadline::after(60));
      char byte = 0;
      if (!ready || ::read(pipe.reader.get(), &byte, 1) != 1) return;
      board->kept.at(i).byte = byte;
    });
  }
  schedule.add("Writer", [&] { (void)!::write(pipe.writer.get(), "ab", 2); });
  schedule.run();
  return {board->kept[0].byte, board->kept[1].byte};
}

TEST_F(Reduction, TakesAllThatItDoesNotSeeForAConflict) {
  const auto pipe = [](Schedule& schedule) { return a_pipe(schedule, true); };
  expect_same("a pipe", pipe, 0, 10, 10, {"ab", "ba"});
  const auto calls = [](Schedule& schedule) { return a_pipe(schedule, false); };
  expect_same("system calls", calls, 0, 6, 5, {"ab", "ba"});
}

}  // namespace
