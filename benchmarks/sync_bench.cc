// Round trips between two processes that wait for each other, by each primitive
// that a process can wait for. They are compared with futex(2), which all of
// them use, and with a cache line, for which no process sleeps.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "benchmarks/bench.h"
#include "common/base/errors.h"
#include "common/channel/queue.h"
#include "common/memory/shared.h"
#include "common/sync/condition.h"
#include "common/sync/event.h"
#include "common/sync/lock.h"
#include "common/sync/semaphore.h"

namespace ipc::bench {
namespace {

// A carries a signal in one direction: tell() and wait() are called in turn.
template <typename A>
Figure round_trips(Placement place) {
  struct Ends {
    A there;
    A back;
    std::atomic<bool> over{false};
  };
  const Shared<Ends> ends;
  return run(place, {[&](Lane& lane) {
                       while (lane.goes_on()) {
                         ends->there.tell();
                         ends->back.wait();
                         lane.did();
                       }
                       ends->over = true;
                       ends->there.tell();
                     },
                     [&](Lane& /*lane*/) {
                       while (true) {
                         ends->there.wait();
                         if (ends->over) return;
                         ends->back.tell();
                       }
                     }});
}

class RawFutex {
 public:
  void tell() {
    word_.store(1);
    (void)::syscall(SYS_futex, &word_, FUTEX_WAKE, 1);
  }
  void wait() {
    while (word_.load() == 0) {
      (void)::syscall(SYS_futex, &word_, FUTEX_WAIT, 0, nullptr);
    }
    word_.store(0);
  }

 private:
  alignas(64) std::atomic<uint32_t> word_{0};
};

class CacheLine {
 public:
  void tell() {
    word_.store(word_.load(std::memory_order_relaxed) + 1,
                std::memory_order_release);
  }
  void wait() {
    ++seen_;
    while (word_.load(std::memory_order_acquire) != seen_) {
    }
  }

 private:
  alignas(64) std::atomic<uint32_t> word_{0};
  alignas(64) uint32_t seen_ = 0;
};

class OurEvent {
 public:
  void tell() { event_.set(); }
  void wait() {
    event_.wait();
    event_.clear();
  }

 private:
  alignas(64) Event event_;
};

class OurSemaphore {
 public:
  void tell() { semaphore_.release(); }
  void wait() { semaphore_.acquire(); }

 private:
  alignas(64) Semaphore semaphore_{0};
};

class PosixSemaphore {
 public:
  PosixSemaphore() { check(::sem_init(&semaphore_, 1, 0), "sem_init"); }
  void tell() { ::sem_post(&semaphore_); }
  void wait() {
    while (::sem_wait(&semaphore_) == -1 && errno == EINTR) {
    }
  }

 private:
  alignas(64) sem_t semaphore_{};
};

class OurCondition {
 public:
  void tell() {
    {
      const Guard guard(lock_);
      told_ = true;
    }
    condition_.notify_one();
  }
  void wait() {
    Guard guard(lock_);
    condition_.wait(guard, [&] { return told_; });
    told_ = false;
  }

 private:
  alignas(64) Lock lock_;
  Condition condition_;
  bool told_ = false;
};

class PosixCondition {
 public:
  PosixCondition() {
    pthread_mutexattr_t mutex{};
    check_zero(::pthread_mutexattr_init(&mutex), "mutexattr_init");
    check_zero(::pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED),
               "mutexattr_setpshared");
    check_zero(::pthread_mutex_init(&mutex_, &mutex), "mutex_init");
    pthread_condattr_t condition{};
    check_zero(::pthread_condattr_init(&condition), "condattr_init");
    check_zero(
        ::pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED),
        "condattr_setpshared");
    check_zero(::pthread_cond_init(&condition_, &condition), "cond_init");
  }
  void tell() {
    ::pthread_mutex_lock(&mutex_);
    told_ = true;
    ::pthread_mutex_unlock(&mutex_);
    ::pthread_cond_signal(&condition_);
  }
  void wait() {
    ::pthread_mutex_lock(&mutex_);
    while (!told_) ::pthread_cond_wait(&condition_, &mutex_);
    told_ = false;
    ::pthread_mutex_unlock(&mutex_);
  }

 private:
  alignas(64) pthread_mutex_t mutex_{};
  pthread_cond_t condition_{};
  bool told_ = false;
};

// The queues map memory of their own, so they are created before the fork and
// are not part of a Shared object.
Figure queue_round_trips(Placement place) {
  constexpr uint32_t kItems = 16;
  Queue there(kItems);
  Queue back(kItems);
  const std::string message(64, 'x');
  return run(place, {[&](Lane& lane) {
                       while (lane.goes_on()) {
                         ensure(there.put(message));
                         (void)back.get();
                         lane.did();
                       }
                       there.close();
                     },
                     [&](Lane& /*lane*/) {
                       while (const Taken taken = there.get()) {
                         ensure(back.put(*taken));
                       }
                     }});
}

// Measures what waiting for a message that does not come costs.
Figure idle_in_get(Placement place) {
  Queue queue(1);
  return run(place, {[&](Lane& lane) {
               while (lane.goes_on()) {
                 (void)queue.get_until(Deadline::after(0.5));
               }
             }},
             {.warm_s = 0.02, .measured_s = 0.4, .is_idle = true});
}

const Bench benches([] {
  const std::vector<Placement> two = {Placement::two};
  for (const char* group : {"event_round_trip", "semaphore_round_trip",
                            "condition_round_trip", "queue_round_trip"}) {
    contend(group, "futex", both_pinned(), round_trips<RawFutex>);
  }
  contend("event_round_trip", "Event", both_pinned(), round_trips<OurEvent>);
  contend("semaphore_round_trip", "Semaphore", both_pinned(),
          round_trips<OurSemaphore>);
  contend("semaphore_round_trip", "sem_t", both_pinned(),
          round_trips<PosixSemaphore>);
  contend("condition_round_trip", "Condition", both_pinned(),
          round_trips<OurCondition>);
  contend("condition_round_trip", "pthread_cond", both_pinned(),
          round_trips<PosixCondition>);
  contend("queue_round_trip", "Queue", both_pinned(), queue_round_trips);
  contend("queue_round_trip", "cache_line", two, round_trips<CacheLine>);
  contend("queue_idle", "Queue", two, idle_in_get);
});

}  // namespace
}  // namespace ipc::bench
