// Compares a lock around one increment, without and with contention, with
// pthread's mutexes; and a counter of two processes with and without a lock.
#include <pthread.h>
#include <stdint.h>

#include <atomic>
#include <string>

#include "benchmarks/bench.h"
#include "common/base/errors.h"
#include "common/memory/shared.h"
#include "common/sync/lock.h"
#include "common/sync/value.h"

namespace ipc::bench {
namespace {

class PthreadMutex {
 public:
  explicit PthreadMutex(int robust = PTHREAD_MUTEX_STALLED) {
    pthread_mutexattr_t attributes{};
    check_zero(::pthread_mutexattr_init(&attributes), "mutexattr_init");
    check_zero(
        ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED),
        "mutexattr_setpshared");
    check_zero(::pthread_mutexattr_setrobust(&attributes, robust),
               "mutexattr_setrobust");
    check_zero(::pthread_mutex_init(&mutex_, &attributes), "mutex_init");
  }
  void increment(uint64_t& number) {
    ::pthread_mutex_lock(&mutex_);
    ++number;
    ::pthread_mutex_unlock(&mutex_);
  }

 private:
  pthread_mutex_t mutex_{};
};

class PthreadRobust : public PthreadMutex {
 public:
  PthreadRobust() : PthreadMutex(PTHREAD_MUTEX_ROBUST) {}
};

class OurLock {
 public:
  void increment(uint64_t& number) {
    const Guard guard(lock_);
    ++number;
  }

 private:
  Lock lock_;
};

template <typename L>
Figure increments(Placement place, int processes) {
  struct Counter {
    alignas(64) L lock;
    alignas(64) volatile uint64_t apart = 0;
    alignas(64) uint64_t number = 0;
  };
  const Shared<Counter> counter;
  const std::vector<Actor> actors(static_cast<size_t>(processes),
                                  [&](Lane& lane) {
                                    while (lane.goes_on()) {
                                      counter->lock.increment(counter->number);
                                      lane.did();
                                    }
                                  });
  return run(place, actors);
}

// `add` is what two processes do to the counter.
template <typename T, typename A>
Figure count(Placement place, A add) {
  T counter;
  const std::vector<Actor> actors(2, [&](Lane& lane) {
    while (lane.goes_on()) {
      add(counter);
      lane.did();
    }
  });
  return run(place, actors);
}

template <typename L>
void contend_lock(const std::string& name) {
  contend("lock_1", name, {Placement::same},
          [](Placement place) { return increments<L>(place, 1); });
  for (const int processes : {2, 4}) {
    contend("lock_" + std::to_string(processes), name, both_pinned(),
            [=](Placement place) { return increments<L>(place, processes); });
  }
}

const Bench benches([] {
  contend_lock<OurLock>("Lock");
  contend_lock<PthreadMutex>("pthread_mutex");
  contend_lock<PthreadRobust>("pthread_robust");

  const std::vector<Placement> two = {Placement::two};
  contend("counter_2", "fetch_add", two, [](Placement place) {
    return count<Shared<std::atomic<uint64_t>>>(
        place, [](auto& counter) { counter->fetch_add(1); });
  });
  contend("counter_2", "Value_atomic", two, [](Placement place) {
    return count<Value<uint64_t>>(place, [](auto& counter) {
      std::atomic_ref(counter.value()).fetch_add(1);
    });
  });
  contend("counter_2", "Value_lock", two, [](Placement place) {
    return count<Value<uint64_t>>(place, [](auto& counter) {
      const Guard guard(counter.get_lock());
      ++counter.value();
    });
  });
  contend("counter_2", "python_Value", two,
          [](Placement place) { return run_python(place, {"counter"}); });
});

}  // namespace
}  // namespace ipc::bench
