// 200 participants of each synchronization object are killed at random
// instants, and the others must make progress. Objects that are known not to
// survive this must fail the same trial.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <bit>

#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/process/process_identity.h"
#include "common/sync/barrier.h"
#include "common/sync/condition.h"
#include "common/sync/event.h"
#include "common/sync/lock.h"
#include "common/sync/rlock.h"
#include "common/sync/semaphore.h"
#include "common/testing/kill_testing.h"

namespace {

using ipc::BoundedSemaphore;
using ipc::check_zero;
using ipc::Guard;
using ipc::Holder;
using ipc::Lock;
using ipc::RLock;
using ipc::Semaphore;
using ipc::Shared;
using ipc::testing::KillTrial;
using ipc::testing::Participant;
using ipc::testing::Phase;
using ipc::testing::spin_us;

constexpr int kKills = 200;
// At least this many kills must land where they do harm, or the trial would
// prove little. On idle machines there are some 100.
constexpr int kLandedAtLeast = kKills / 10;
constexpr double kControlLimitSeconds = 0.3;

// What a participant found wrong. This is its exit status.
enum Wrong {
  kTorn = 41,       // Half-changed data without a notice.
  kTwoInside = 42,  // No mutual exclusion.
  kTooMany = 43,    // More inside than there are permits.
  kNoOrder = 44,    // A bound was exceeded.
};

// A pause between two steps, longer than it takes to wake another process. A
// lock is not fair: a process that unlocks it and locks it again at once would
// have it for many turns.
void rest() { ::usleep(20); }

// The controls: a mutex and a condition variable as in any textbook.

pthread_mutex_t make_pthread_mutex(int robust) {
  pthread_mutexattr_t attributes;
  check_zero(pthread_mutexattr_init(&attributes), "init");
  check_zero(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
             "setpshared");
  check_zero(pthread_mutexattr_setrobust(&attributes, robust), "setrobust");
  pthread_mutex_t mutex;
  check_zero(pthread_mutex_init(&mutex, &attributes), "mutex_init");
  return mutex;
}

struct PlainMutex {
  pthread_mutex_t mutex = make_pthread_mutex(PTHREAD_MUTEX_STALLED);
};

class PlainGuard {
 public:
  explicit PlainGuard(PlainMutex& mutex) : mutex_(mutex.mutex) {
    check_zero(pthread_mutex_lock(&mutex_), "lock");
  }
  PlainGuard(const PlainGuard&) = delete;
  PlainGuard& operator=(const PlainGuard&) = delete;
  PlainGuard(PlainGuard&&) = delete;
  PlainGuard& operator=(PlainGuard&&) = delete;
  ~PlainGuard() { check_zero(pthread_mutex_unlock(&mutex_), "unlock"); }
  [[nodiscard]] static bool owner_died() { return false; }
  void repaired() {}

 private:
  pthread_mutex_t& mutex_;
};

// Lock and RLock: two numbers that are equal outside the critical section.

template <typename Mutex>
struct Pair {
  Mutex mutex;
  std::atomic<int> owner{-1};
  std::atomic<int> notices{0};
  std::atomic<int64_t> first{0};
  std::atomic<int64_t> second{0};
};

template <typename Mutex, typename AnyGuard>
void change_pair(Pair<Mutex>& pair, int index, Participant& self, int depth) {
  {
    self.phase = Phase::calling;
    AnyGuard guard(pair.mutex);
    self.phase = Phase::inside;
    if (guard.owner_died()) {
      // In this order, so that it may be done again: another kill may come.
      pair.second = pair.first.load();
      pair.owner = -1;
      ++pair.notices;
      guard.repaired();
    }
    if (pair.first != pair.second) ::_exit(kTorn);
    if (pair.owner.exchange(index) != -1) ::_exit(kTwoInside);
    if (depth > 1) {
      const AnyGuard second(pair.mutex);
      const AnyGuard third(pair.mutex);
    }
    ++pair.first;
    spin_us(30);
    ++pair.second;
    if (pair.owner.exchange(-1) != index) ::_exit(kTwoInside);
    self.phase = Phase::calling;
  }
  self.phase = Phase::outside;
  rest();
}

template <typename Mutex>
void expect_survives_kills(const char* name, int depth) {
  const Shared<Pair<Mutex>> pair;
  KillTrial trial(name, 3, [&](int index, Participant& self) {
    change_pair<Mutex, Guard>(*pair, index, self, depth);
  });
  trial.want(Phase::inside, kLandedAtLeast);
  EXPECT_TRUE(trial.run(kKills));
  printf("%s: %d notices that the owner died\n", name, pair->notices.load());
  EXPECT_GE(trial.kills_in(Phase::inside), kLandedAtLeast);
  // Kills that landed just after the acquire or just before the release count
  // as "in a call", so there may be more notices. There may be fewer, if a
  // repairer was killed too.
  EXPECT_GE(pair->notices, trial.kills_in(Phase::inside) / 2);
  EXPECT_LE(pair->notices, kKills);
}

TEST(Kill, ALockSurvivesItsOwners) { expect_survives_kills<Lock>("Lock", 1); }

TEST(Kill, AnRLockSurvivesItsOwnersAtDepthThree) {
  expect_survives_kills<RLock>("RLock", 3);
}

// A robust mutex alone does not pass this. Its unlock wakes one waiter. If that
// waiter is killed before it acts, and a newcomer has the mutex by then, the
// mutex no longer records that others sleep. RobustMutex looks again.
TEST(Kill, ALockInACrowdLosesNoWakeUpWhenWaitersDie) {
  const Shared<Lock> lock;
  KillTrial trial("Lock in a crowd", 4, [&](int, Participant& self) {
    self.phase = Phase::calling;
    const Guard guard(*lock);
    self.phase = Phase::inside;
    spin_us(3);
    self.phase = Phase::outside;
  });
  trial.inside_of_ten = 2;
  // Without rests some must wait longer; a lost wake-up would last forever.
  trial.want(Phase::calling, kLandedAtLeast);
  EXPECT_TRUE(trial.run(kKills, 3));
  EXPECT_GE(trial.kills_in(Phase::calling), kLandedAtLeast);
}

TEST(Kill, ControlAMutexThatIsNotRobustHangs) {
  const Shared<Pair<PlainMutex>> pair;
  KillTrial trial("Plain mutex", 3, [&](int index, Participant& self) {
    change_pair<PlainMutex, PlainGuard>(*pair, index, self, 1);
  });
  EXPECT_TRUE(trial.run_calmly(20)) << "but not without a kill";
  const ::testing::AssertionResult survived =
      trial.run(kKills, kControlLimitSeconds);
  EXPECT_FALSE(survived);
  EXPECT_NE(std::string(survived.message()).find("hangs"), std::string::npos)
      << survived.message();
  printf("  as it should: %s\n", survived.message());
}

// Semaphores: one word has a bit for each participant that is inside, so that
// each one that enters sees which others were inside at that instant.

constexpr int kPermits = 2;

template <typename AnySemaphore>
struct Room {
  AnySemaphore semaphore{kPermits};
  std::atomic<uint32_t> inside{0};
  std::atomic<Holder> who[8] = {};
};

template <typename AnySemaphore>
void visit(Room<AnySemaphore>& room, int index, Participant& self) {
  const uint32_t own_bit = 1U << index;
  room.who[index] = ipc::holder_self();
  self.phase = Phase::calling;
  room.semaphore.acquire();
  const uint32_t others = room.inside.fetch_or(own_bit);
  self.phase = Phase::inside;
  if (std::popcount(others) >= kPermits) {
    // Too many, unless some of them are dead and the test has not noticed yet.
    int living = 0;
    for (int i = 0; i < 8; ++i) {
      if ((others & 1U << i) != 0 && ipc::holder_alive(room.who[i])) ++living;
    }
    if (living >= kPermits) ::_exit(kTooMany);
  }
  spin_us(30);
  room.inside.fetch_and(~own_bit);
  self.phase = Phase::calling;
  room.semaphore.release();
  self.phase = Phase::outside;
  rest();
}

TEST(Kill, ASemaphoreSurvivesAndItsLostPermitsCanBeReleased) {
  const Shared<Room<Semaphore>> room;
  KillTrial trial("Semaphore", 4, [&](int index, Participant& self) {
    visit(*room, index, self);
  });
  int given_back = 0;
  trial.after_death = [&](int index, Phase) {
    // Any process may release, so the test does it for the dead one if that one
    // was certainly inside.
    if ((room->inside.fetch_and(~(1U << index)) & 1U << index) == 0) return;
    room->semaphore.release();
    ++given_back;
  };
  // It may have died between the call and the mark that it was inside.
  ipc::Deadline patience = ipc::Deadline::never();
  trial.meanwhile = [&] {
    if (room->semaphore.value() > 0 || room->inside != 0) {
      patience = ipc::Deadline::never();
    } else if (patience.is_never()) {
      patience = ipc::Deadline::after(0.3);
    } else if (patience.expired()) {
      room->semaphore.release();
      ++given_back;
    }
  };
  trial.want(Phase::inside, kLandedAtLeast);
  EXPECT_TRUE(trial.run(kKills));
  const int value = static_cast<int>(room->semaphore.value());
  printf("Semaphore: %d permits given back for the dead, %d of %d at the end\n",
         given_back, value, kPermits);
  EXPECT_GE(trial.kills_in(Phase::inside), kLandedAtLeast);
  EXPECT_LE(value, kPermits);
  EXPECT_GE(value, kPermits - trial.kills_in(Phase::calling));
  // If a participant died inside, but had already cleared its mark, its permit
  // may still be missing.
  EXPECT_GE(given_back + kPermits - value, trial.kills_in(Phase::inside));
}

TEST(Kill, ABoundedSemaphoreTakesThePermitsOfTheDeadBack) {
  const Shared<Room<BoundedSemaphore>> room;
  KillTrial trial("BoundedSemaphore", 4, [&](int index, Participant& self) {
    visit(*room, index, self);
  });
  trial.after_death = [&](int index, Phase) {
    room->inside.fetch_and(~(1U << index));
  };
  trial.want(Phase::inside, kLandedAtLeast);
  EXPECT_TRUE(trial.run(kKills));
  EXPECT_GE(trial.kills_in(Phase::inside), kLandedAtLeast);
  EXPECT_EQ(room->semaphore.value(), static_cast<uint32_t>(kPermits));
}

// Event: two processes set and clear it, two wait for it. "Inside" is between
// set and clear.

TEST(Kill, AnEventSurvivesItsWaitersAndSetters) {
  const Shared<ipc::Event> event;
  KillTrial trial("Event", 4, [&](int index, Participant& self) {
    self.phase = Phase::calling;
    if (index < 2) {
      event->set();
      self.phase = Phase::inside;
      spin_us(20);
      self.phase = Phase::calling;
      event->clear();
    } else {
      event->wait();
    }
    self.phase = Phase::outside;
    rest();
  });
  trial.at_end = [&] { event->set(); };
  trial.want(Phase::calling, kLandedAtLeast);
  EXPECT_TRUE(trial.run(kKills));
  EXPECT_GE(trial.kills_in(Phase::calling), kLandedAtLeast);
}

// Condition: two processes make things and two take them, with room for three.
// One store each counts what is made and taken. The number of things that are
// there is kept beside these counts, and repaired from them.

struct RobustMonitor {
  Lock lock;
  ipc::Condition changed;
};

class RobustSection {
 public:
  explicit RobustSection(RobustMonitor& monitor)
      : monitor_(monitor), guard_(monitor.lock) {}
  template <typename Predicate>
  void wait(Predicate predicate) {
    monitor_.changed.wait(guard_,
                          [&] { return guard_.owner_died() || predicate(); });
  }
  void notify() { monitor_.changed.notify_all(); }
  [[nodiscard]] bool owner_died() const { return guard_.owner_died(); }
  void repaired() { guard_.repaired(); }

 private:
  RobustMonitor& monitor_;
  Guard guard_;
};

pthread_cond_t make_pthread_condition() {
  pthread_condattr_t attributes;
  check_zero(pthread_condattr_init(&attributes), "init");
  check_zero(pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
             "setpshared");
  pthread_cond_t condition;
  check_zero(pthread_cond_init(&condition, &attributes), "cond_init");
  return condition;
}

// The mutex is robust and its notice is handled: what fails is the condition.
struct PthreadMonitor {
  pthread_mutex_t mutex = make_pthread_mutex(PTHREAD_MUTEX_ROBUST);
  pthread_cond_t changed = make_pthread_condition();
};

class PthreadSection {
 public:
  explicit PthreadSection(PthreadMonitor& monitor) : monitor_(monitor) {
    own(pthread_mutex_lock(&monitor_.mutex));
  }
  PthreadSection(const PthreadSection&) = delete;
  PthreadSection& operator=(const PthreadSection&) = delete;
  PthreadSection(PthreadSection&&) = delete;
  PthreadSection& operator=(PthreadSection&&) = delete;
  ~PthreadSection() { pthread_mutex_unlock(&monitor_.mutex); }
  template <typename Predicate>
  void wait(Predicate predicate) {
    while (!owner_died_ && !predicate()) {
      own(pthread_cond_wait(&monitor_.changed, &monitor_.mutex));
    }
  }
  void notify() { pthread_cond_broadcast(&monitor_.changed); }
  [[nodiscard]] bool owner_died() const { return owner_died_; }
  void repaired() {
    check_zero(pthread_mutex_consistent(&monitor_.mutex), "consistent");
    owner_died_ = false;
  }

 private:
  void own(int error) {
    owner_died_ = error == EOWNERDEAD;
    if (!owner_died_) check_zero(error, "lock");
  }

  PthreadMonitor& monitor_;
  bool owner_died_ = false;
};

template <typename Monitor>
struct Shop {
  Monitor monitor;
  std::atomic<int64_t> made{0};
  std::atomic<int64_t> taken{0};
  std::atomic<int64_t> stock{0};
};

constexpr int64_t kRoom = 3;

template <typename Monitor, typename Section>
void trade(Shop<Monitor>& shop, int index, Participant& self) {
  const bool makes = index < 2;
  {
    self.phase = Phase::calling;
    Section section(shop.monitor);
    do {
      if (section.owner_died()) {
        shop.stock = shop.made - shop.taken;
        section.repaired();
        section.notify();  // The dead one may not have done that any more.
      }
      section.wait([&] { return makes ? shop.stock < kRoom : shop.stock > 0; });
    } while (section.owner_died());
    self.phase = Phase::inside;
    if (shop.stock != shop.made - shop.taken) ::_exit(kTorn);
    ++(makes ? shop.made : shop.taken);
    spin_us(20);
    shop.stock += makes ? 1 : -1;
    if (shop.stock < 0 || shop.stock > kRoom) ::_exit(kNoOrder);
    self.phase = Phase::calling;
    section.notify();
  }
  self.phase = Phase::outside;
  rest();
}

// At the end, gives both things and room to those that wait for either.
template <typename Monitor, typename Section>
void let_all_go(Shop<Monitor>& shop) {
  Section section(shop.monitor);
  shop.made = 1;
  shop.taken = 0;
  shop.stock = 1;
  if (section.owner_died()) section.repaired();
  section.notify();
}

TEST(Kill, AConditionSurvivesItsWaitersAndNotifiers) {
  const Shared<Shop<RobustMonitor>> shop;
  KillTrial trial("Condition", 4, [&](int index, Participant& self) {
    trade<RobustMonitor, RobustSection>(*shop, index, self);
  });
  trial.at_end = [&] { let_all_go<RobustMonitor, RobustSection>(*shop); };
  trial.want(Phase::inside, kLandedAtLeast);
  trial.want(Phase::calling, kLandedAtLeast);
  EXPECT_TRUE(trial.run(kKills));
  EXPECT_GE(trial.kills_in(Phase::inside), kLandedAtLeast);
  EXPECT_GE(trial.kills_in(Phase::calling), kLandedAtLeast);
}

TEST(Kill, ControlAPthreadConditionVariableHangs) {
  const Shared<Shop<PthreadMonitor>> shop;
  KillTrial trial("pthread_cond_t", 4, [&](int index, Participant& self) {
    trade<PthreadMonitor, PthreadSection>(*shop, index, self);
  });
  trial.at_end = [&] { let_all_go<PthreadMonitor, PthreadSection>(*shop); };
  EXPECT_TRUE(trial.run_calmly(20)) << "but not without a kill";
  const ::testing::AssertionResult survived =
      trial.run(kKills, kControlLimitSeconds);
#if __GLIBC_PREREQ(2, 41)
  // Since its rewrite it no longer waits for waiters that are dead.
  if (survived) GTEST_SKIP() << "glibc's condition variable has survived";
#endif
  EXPECT_FALSE(survived);
  EXPECT_NE(std::string(survived.message()).find("hangs"), std::string::npos)
      << survived.message();
  printf("  as it should: %s\n", survived.message());
}

// Barrier: three parties meet. Each death breaks it, unless a round is complete
// that the dead one had joined; the test resets it each time.

TEST(Kill, ABarrierBreaksAndCanBeReset) {
  constexpr int kParties = 3;
  struct Hall {
    ipc::Barrier barrier{kParties};
    std::atomic<int64_t> arrivals{0};
    std::atomic<int64_t> passed[kParties] = {};
  };
  const Shared<Hall> hall;
  KillTrial trial("Barrier", kParties + 1, [&](int, Participant& self) {
    ++hall->arrivals;
    self.phase = Phase::calling;
    const std::optional<int> place = hall->barrier.wait();
    self.phase = Phase::outside;
    if (place) ++hall->passed[*place];
    rest();
  });
  int broken_count = 0;
  trial.meanwhile = [&] {
    if (!hall->barrier.broken()) return;
    ++broken_count;
    hall->barrier.reset();
  };
  trial.at_end = [&] { hall->barrier.abort(); };
  EXPECT_TRUE(trial.run(kKills));
  const auto [fewest, most] =
      std::minmax_element(std::begin(hall->passed), std::end(hall->passed));
  printf("Barrier: broken %d times, %ld rounds complete\n", broken_count,
         most->load());
  EXPECT_GE(trial.kills_in(Phase::calling), kLandedAtLeast);
  // Each complete round has each place once; a dead one could not count itself.
  EXPECT_LE(*most - *fewest, kKills);
  EXPECT_LE(*most * kParties, hall->arrivals);
  hall->barrier.reset();
  EXPECT_EQ(hall->barrier.n_waiting(), 0);
}

}  // namespace
