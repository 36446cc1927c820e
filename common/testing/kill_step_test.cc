// A process is killed at each point of an operation, and after each kill the
// object must still do its work. A point that random kills hit once in a
// million is hit here each time.
//
// ptrace(2) drives the process, one instruction at a time. The points are those
// after each change of the object's bytes, since only these are visible to the
// others, and as many in between as there is time for.
#include <gtest/gtest.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <set>
#include <vector>

#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/process/one_cpu.h"
#include "common/process/process_identity.h"
#include "common/sync/barrier.h"
#include "common/sync/condition.h"
#include "common/sync/event.h"
#include "common/sync/lock.h"
#include "common/sync/rlock.h"
#include "common/sync/semaphore.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Barrier;
using ipc::BoundedSemaphore;
using ipc::Condition;
using ipc::Deadline;
using ipc::Event;
using ipc::Guard;
using ipc::Lock;
using ipc::Process;
using ipc::RLock;
using ipc::Semaphore;
using ipc::Shared;
using ipc::testing::await_asleep;
using ipc::testing::limit;
using ipc::testing::status_of;

// Reaching n points of an operation takes n / 2 times its length in steps, and
// a step takes 3 to 30 us. This is the limit for the points between the
// changes.
constexpr int64_t kStepsAtMost = 5'000;

// A child that stops, then runs step by step, and then is killed.
class SteppedChild {
 public:
  explicit SteppedChild(const std::function<void()>& operation) {
    pid_ = ipc::check(::fork(), "fork");
    if (pid_ == 0) {
      // The first call of these reads files, which is not tested here.
      (void)ipc::holder_self();
      Lock lock;
      if (lock.try_lock()) lock.unlock();
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1) ::_exit(1);
      (void)::raise(SIGSTOP);
      operation();
      ::_exit(0);
    }
    await_stop();
  }
  SteppedChild(const SteppedChild&) = delete;
  SteppedChild& operator=(const SteppedChild&) = delete;
  SteppedChild(SteppedChild&&) = delete;
  SteppedChild& operator=(SteppedChild&&) = delete;
  ~SteppedChild() {
    if (!runs_) return;
    (void)::kill(pid_, SIGKILL);
    while (runs_) await_stop();
  }

  [[nodiscard]] bool runs() const { return runs_; }

  void step() {
    ipc::check(::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr),
               "ptrace PTRACE_SINGLESTEP");
    await_stop();
  }

 private:
  void await_stop() {
    int status = 0;
    ipc::check(ipc::retry([&] { return ::waitpid(pid_, &status, 0); }),
               "waitpid");
    runs_ = WIFSTOPPED(status);
  }

  pid_t pid_ = -1;
  bool runs_ = true;
};

// An operation on a shared object. Its process is to be killed in the middle.
template <typename T>
struct Trial {
  const char* name;
  const Shared<T>& object;
  std::function<void()> operation;
  std::function<void()> check;
  std::function<void()> prepare = [] {};

  // The bytes of the new object. Each child must find the same bytes, or it
  // would reach the point at which it is killed along another path.
  const std::string pristine = bytes();

  [[nodiscard]] std::string bytes() const {
    return {reinterpret_cast<const char*>(object.get()), sizeof(T)};
  }
  void begin() const {
    ::memcpy(static_cast<void*>(object.get()), pristine.data(), sizeof(T));
    prepare();
  }
  void kill_after(int64_t steps) const;
  [[nodiscard]] std::set<int64_t> find_points() const;
  void run() const;
};

template <typename T>
void Trial<T>::kill_after(int64_t steps) const {
  begin();
  {
    SteppedChild child(operation);
    for (int64_t i = 0; i < steps && child.runs(); ++i) child.step();
  }
  check();
}

template <typename T>
std::set<int64_t> Trial<T>::find_points() const {
  begin();
  std::set<int64_t> points;
  std::string before = bytes();
  int64_t length = 0;
  for (SteppedChild child(operation); child.runs(); child.step()) {
    if (std::string now = bytes(); now != before) {
      before = std::move(now);
      points.insert(length);
    }
    ++length;
  }
  check();
  const size_t changes = points.size();
  const int64_t stride = length * length / 2 / kStepsAtMost + 1;
  for (int64_t i = 0; i < length; i += stride) points.insert(i);
  printf("%s: %zu changes in %ld instructions, killed at %zu points\n", name,
         changes, length, points.size());
  EXPECT_GE(changes, 2U);
  return points;
}

template <typename T>
void Trial<T>::run() const {
  const ipc::OneCpu one_cpu;  // Otherwise each step would wake another CPU.
  // At the first call the dynamic linker looks functions up. That happens here,
  // and the children inherit the result.
  begin();
  operation();
  check();
  for (const int64_t point : find_points()) {
    kill_after(point);
    if (::testing::Test::HasFailure()) {
      FAIL() << name << ", killed after instruction " << point;
    }
  }
}

template <typename Mutex>
void check_mutex(Mutex& mutex) {
  Guard guard(mutex, limit());
  ASSERT_TRUE(guard);
  if (guard.owner_died()) guard.repaired();
  EXPECT_EQ(guard.depth(), 1U);
}

class KillStep : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__aarch64__)
    // Without these an atomic change is a loop around LDXR and STXR. Stepping
    // never leaves the loop: each step is an exception, which ends the
    // reservation.
    if ((::getauxval(AT_HWCAP) & HWCAP_ATOMICS) == 0) {
      GTEST_SKIP() << "needs a processor with atomic instructions (LSE)";
    }
#endif
  }
};

TEST_F(KillStep, Lock) {
  const Shared<Lock> lock;
  const Trial<Lock> trial{"Lock", lock, [&] { const Guard guard(*lock); },
                          [&] { check_mutex(*lock); }};
  trial.run();
}

TEST_F(KillStep, ALockWhoseOwnerHasDied) {
  struct Board {
    Lock lock;
    std::atomic<bool> repaired{false};
  };
  const Shared<Board> board;
  const Trial<Board> trial{"Lock after a death", board,
                           [&] {
                             Guard guard(board->lock);
                             board->repaired = true;
                             guard.repaired();
                           },
                           [&] {
                             Guard guard(board->lock, limit());
                             ASSERT_TRUE(guard);
                             // No notice is lost before the repair.
                             EXPECT_TRUE(guard.owner_died() || board->repaired);
                             guard.repaired();
                           },
                           [&] {
                             board->repaired = false;
                             Process owner("Owner", [&] {
                               (void)board->lock.lock();
                               ::kill(::getpid(), SIGKILL);
                             });
                             EXPECT_EQ(owner.join(), -SIGKILL);
                           }};
  trial.run();
}

TEST_F(KillStep, RLock) {
  const Shared<RLock> lock;
  const Trial<RLock> trial{"RLock", lock,
                           [&] {
                             const Guard outer(*lock);
                             const Guard inner(*lock);
                           },
                           [&] { check_mutex(*lock); }};
  trial.run();
}

TEST_F(KillStep, Semaphore) {
  const Shared<Semaphore> semaphore(1U);
  const Trial<Semaphore> trial{"Semaphore", semaphore,
                               [&] {
                                 semaphore->acquire();
                                 semaphore->release();
                               },
                               [&] {
                                 // Its permit may be lost; then any process
                                 // may release it.
                                 ASSERT_LE(semaphore->value(), 1U);
                                 if (semaphore->value() == 0)
                                   semaphore->release();
                                 EXPECT_TRUE(semaphore->acquire_until(limit()));
                                 semaphore->release();
                               }};
  trial.run();
}

TEST_F(KillStep, BoundedSemaphore) {
  const Shared<BoundedSemaphore> semaphore(1U);
  const Trial<BoundedSemaphore> trial{
      "BoundedSemaphore", semaphore,
      [&] {
        semaphore->acquire();
        semaphore->release();
      },
      [&] {
        EXPECT_EQ(semaphore->value(), 1U);
        EXPECT_TRUE(semaphore->acquire_until(limit()));
        semaphore->release();
      }};
  trial.run();
}

TEST_F(KillStep, AnEventThatAProcessWaitsFor) {
  const Shared<Event> event;
  std::optional<Process> waiter;
  const Trial<Event> trial{"Event", event,
                           [&] {
                             event->set();
                             event->clear();
                           },
                           [&] {
                             event->set();
                             EXPECT_EQ(status_of(*waiter), 0);
                             event->clear();
                             EXPECT_FALSE(event->is_set());
                           },
                           [&] {
                             waiter.emplace("Waiter", [&] { event->wait(); });
                             await_asleep(*waiter);
                           }};
  trial.run();
}

TEST_F(KillStep, ACondition) {
  struct Board {
    Lock lock;
    Condition changed;
    bool ready = false;
  };
  const Shared<Board> board;
  const auto check = [&] {
    check_mutex(board->lock);
    Process waiter("Waiter", [&] {
      Guard guard(board->lock);
      board->changed.wait(guard, [&] { return board->ready; });
    });
    {
      const Guard guard(board->lock, limit());
      ASSERT_TRUE(guard);
      board->ready = true;
      board->changed.notify_one();
    }
    EXPECT_EQ(status_of(waiter), 0);
    board->ready = false;
  };
  const auto wait_and_notify = [&] {
    Guard guard(board->lock);
    (void)board->changed.wait_until(guard, Deadline::at_ns(0),
                                    [&] { return board->ready; });
    board->changed.notify_all();
  };
  const Trial<Board> trial{"Condition", board, wait_and_notify, check};
  trial.run();
}

// Two wait for a third, which dies in `operation`. Both or none get through.
void kill_third_party(const char* name, const Shared<Barrier>& barrier,
                      const std::function<void()>& operation) {
  constexpr int kComplete = 10;
  constexpr int kBroken = 20;
  std::vector<Process> others;
  const Trial<Barrier> trial{
      name, barrier, operation,
      [&] {
        // If the dead one had not arrived, this process takes its place.
        if (!barrier->broken() && barrier->n_waiting() == 2) {
          EXPECT_TRUE(barrier->wait_until(limit()));
        }
        const int status = status_of(others[0]);
        ASSERT_EQ(status_of(others[1]), status) << "the round ended for one";
        // The dead one may also have broken it on its way out.
        ASSERT_TRUE(status == kComplete ||
                    (status == kBroken && barrier->broken()));
        barrier->reset();
        ASSERT_FALSE(barrier->broken());
      },
      [&] {
        others.clear();
        for (int i = 0; i < 2; ++i) {
          others.emplace_back(
              "Other", [&] { ::_exit(barrier->wait() ? kComplete : kBroken); });
        }
        for (const Process& other : others) await_asleep(other);
      }};
  trial.run();
}

TEST_F(KillStep, ABarrierThatIsWaitedFor) {
  const Shared<Barrier> barrier(3);
  kill_third_party("Barrier, wait", barrier,
                   [&] { (void)barrier->wait_until(limit()); });
}

TEST_F(KillStep, ABarrierThatIsAborted) {
  const Shared<Barrier> barrier(3);
  kill_third_party("Barrier, abort", barrier, [&] { barrier->abort(); });
}

}  // namespace
