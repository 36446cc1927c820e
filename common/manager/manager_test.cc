#include "common/manager/manager.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include "common/channel/connection.h"
#include "common/net/listener.h"
#include "common/process/pipe.h"
#include "common/testing/sync_testing.h"

namespace {

using ipc::Deadline;
using ipc::Json;
using ipc::Manager;
using ipc::Process;
using ipc::testing::limit;
using ipc::testing::status_of;

Deadline soon() { return Deadline::after(0.02); }

// Runs `target` in another process, in which it must return.
void in_child(const std::function<void()>& target) {
  Process child("Child", target);
  EXPECT_EQ(status_of(child), 0);
}

void expect(bool condition) {
  if (!condition) throw std::runtime_error("it is not as expected");
}

// Waits until the server has seen that clients have gone, and has dropped their
// objects.
void await_count(const Manager& manager, size_t count) {
  const Deadline deadline = limit();
  while (manager.object_count() != count && !deadline.expired()) continue;
  EXPECT_EQ(manager.object_count(), count);
}

// Two processes use each type.

TEST(ManagerTest, ADictIsSharedByKeys) {
  const Manager manager;
  const auto dict = manager.dict();
  dict.set("a", 1);
  in_child([&] {
    expect(dict.get("a") == Json(1));
    dict.set("b", "text \u00e4 \"quoted\"");
    dict.set("", Json::list({1, Json::object({{"x", 2.5}})}));
    expect(dict.add("a", 41).as_int() == 42);
    expect(dict.add("new", 0.5).as_double() == 0.5);
  });
  EXPECT_EQ(dict.size(), 4U);
  EXPECT_EQ(dict.get("a")->as_int(), 42);
  EXPECT_EQ(dict.get("")->at(1).at("x").as_double(), 2.5);
  EXPECT_EQ(dict.fields().at("b").as_text(), "text \u00e4 \"quoted\"");
  EXPECT_FALSE(dict.get("c").has_value());
  EXPECT_FALSE(dict.replace("a", 41, 0));
  EXPECT_TRUE(dict.replace("a", 42, 43));
  EXPECT_TRUE(dict.erase("a"));
  EXPECT_FALSE(dict.erase("a"));
  EXPECT_THROW(dict.add("b", 1), ipc::BadCall);
  dict.clear();
  EXPECT_EQ(dict.size(), 0U);
}

TEST(ManagerTest, AListIsSharedByIndex) {
  const Manager manager;
  const auto list = manager.list({1, "two"});
  in_child([&] {
    expect(list.append(3) == 3U);
    list.set(1, 2);
    expect(list.add(0, 10).as_int() == 11);
  });
  EXPECT_EQ(list.items(), (std::vector<Json>{11, 2, 3}));
  EXPECT_EQ(list.get(2).as_int(), 3);
  EXPECT_EQ(list.pop()->as_int(), 3);
  EXPECT_EQ(list.extend({7, 8}), 4U);
  EXPECT_THROW((void)list.get(4), ipc::BadCall);
  list.clear();
  EXPECT_FALSE(list.pop().has_value());
}

TEST(ManagerTest, NamespaceValueAndArrayAreShared) {
  const Manager manager;
  const auto names = manager.name_space();
  const auto value = manager.value(1);
  const auto array = manager.array({1, 2, 3});
  in_child([&] {
    names.set("limit", 10);
    expect(value.add(2) == Json(3));
    array.set(0, 0.5);
    expect(array.add(2, 4) == Json(7));
  });
  EXPECT_EQ(names.get("limit").as_int(), 10);
  EXPECT_THROW((void)names.get("other"), ipc::BadCall);
  EXPECT_EQ(value.get().as_int(), 3);
  value.set("text");
  EXPECT_EQ(value.get().as_text(), "text");
  EXPECT_EQ(array.items(), (std::vector<Json>{0.5, 2, 7}));
  EXPECT_EQ(array.size(), 3U);
  EXPECT_THROW(array.set(3, 0), ipc::BadCall);
  EXPECT_THROW(array.set(0, "text"), ipc::BadCall);
  EXPECT_THROW((void)manager.array({"text"}), ipc::BadCall);
}

TEST(ManagerTest, ALockIsHeldByOneProcess) {
  const Manager manager;
  const auto lock = manager.lock();
  EXPECT_EQ(lock.lock(), ipc::Acquired::clean);
  in_child([&] {
    expect(!lock.try_lock());
    expect(!lock.lock_until(soon()));
    try {
      lock.unlock();
    } catch (const ipc::BadCall&) {
      return;
    }
    throw std::runtime_error("a process that is not the owner has unlocked");
  });
  EXPECT_THROW((void)lock.try_lock(), ipc::BadCall);  // Held already.
  lock.unlock();
  in_child([&] { const ipc::managed::Guard guard(lock); });
  EXPECT_EQ(lock.lock(), ipc::Acquired::clean);
}

TEST(ManagerTest, AnRLockCountsItsOwnersLocks) {
  const Manager manager;
  const auto lock = manager.rlock();
  (void)lock.lock();
  (void)lock.lock();
  EXPECT_EQ(lock.depth(), 2);
  lock.unlock();
  in_child([&] { expect(!lock.try_lock()); });
  lock.unlock();
  in_child([&] { expect(lock.try_lock()); });
}

TEST(ManagerTest, SemaphoresCountPermits) {
  const Manager manager;
  const auto plain = manager.semaphore(0);
  const auto bounded = manager.bounded_semaphore(1);
  in_child([&] {
    plain.release();  // These permits have no owner.
    bounded.acquire();
    expect(!bounded.try_acquire());
    expect(bounded.value() == 0);
  });
  EXPECT_TRUE(plain.acquire_until(limit()));
  EXPECT_FALSE(plain.acquire_until(soon()));
  // The child has ended without releasing its permit.
  EXPECT_TRUE(bounded.acquire_until(limit()));
  in_child([&] {
    try {
      bounded.release();
    } catch (const ipc::BadCall&) {
      return;
    }
    throw std::runtime_error("a process without a permit has released one");
  });
  bounded.release();
  EXPECT_EQ(bounded.value(), 1);
}

TEST(ManagerTest, AnEventWakesAllWaiters) {
  const Manager manager;
  const auto event = manager.event();
  EXPECT_FALSE(event.wait_until(soon()));
  Process one("One", [&] { event.wait(); });
  Process two("Two", [&] { event.wait(); });
  event.set();
  EXPECT_EQ(status_of(one), 0);
  EXPECT_EQ(status_of(two), 0);
  EXPECT_TRUE(event.is_set());
  event.clear();
  EXPECT_FALSE(event.is_set());
}

TEST(ManagerTest, AQueueIsBoundedAndCanBeClosed) {
  const Manager manager;
  const auto queue = manager.queue(2);
  EXPECT_FALSE(queue.try_get().has_value());
  EXPECT_FALSE(queue.get_until(soon()).has_value());
  Process producer("Producer", [&] {
    for (int i = 0; i < 50; ++i) expect(queue.put(i));
    queue.close();
    expect(!queue.put("late"));
  });
  int next = 0;
  while (const auto item = queue.get()) EXPECT_EQ(item->as_int(), next++);
  EXPECT_EQ(next, 50);
  EXPECT_EQ(status_of(producer), 0);
  const auto small = manager.queue(1);
  EXPECT_TRUE(small.try_put(1));
  EXPECT_FALSE(small.try_put(2));
  EXPECT_FALSE(small.put_until(2, soon()));
  EXPECT_EQ(small.size(), 1U);
}

TEST(ManagerTest, AConditionWaitsWithoutItsLock) {
  const Manager manager;
  const auto condition = manager.condition();
  const auto items = manager.list();
  std::vector<Process> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back("Consumer", [&] {
      const ipc::managed::Guard guard(condition);
      condition.wait([&] { return items.size() > 0; });
      expect(items.pop().has_value());
    });
  }
  for (int i = 0; i < 3; ++i) {
    const ipc::managed::Guard guard(condition);
    (void)items.append(i);
    condition.notify_one();
  }
  for (Process& consumer : consumers) EXPECT_EQ(status_of(consumer), 0);
  EXPECT_EQ(items.size(), 0U);
  // With a lock that is given, and a deadline.
  const auto lock = manager.lock();
  const auto other = manager.condition(lock);
  {
    const ipc::managed::Guard guard(lock);
    EXPECT_FALSE(other.wait_until(soon(), [] { return false; }));
    in_child([&] { expect(!lock.try_lock()); });  // We have the lock again.
  }
  EXPECT_THROW(other.wait([] { return false; }), ipc::BadCall);
}

// The first notify comes before the predicate is true.
TEST(ManagerTest, AWaiterOfAConditionLooksAgainAfterEachNotify) {
  const Manager manager;
  const auto condition = manager.condition();
  const auto value = manager.value(0);
  const auto waits = manager.semaphore(0);
  Process waiter("Waiter", [&] {
    const ipc::managed::Guard guard(condition);
    waits.release();
    condition.wait([&] { return value.get().as_int() == 1; });
    expect(value.get().as_int() == 1);
  });
  waits.acquire();
  for (const int next : {0, 1}) {
    // It succeeds only when the waiter waits, or has ended.
    const ipc::managed::Guard guard(condition);
    value.set(next);
    condition.notify_all();
  }
  EXPECT_EQ(status_of(waiter), 0);
}

// Several processes change one object.

TEST(ManagerTest, AnAdditionInTheServerIsNeverLost) {
  const Manager manager;
  const auto dict = manager.dict();
  const auto list = manager.list();
  constexpr int kCount = 200;
  std::vector<Process> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back("Worker", [&] {
      for (int k = 0; k < kCount; ++k) {
        (void)dict.add("total", 1);
        (void)list.append(k);
      }
    });
  }
  for (Process& worker : workers) EXPECT_EQ(status_of(worker), 0);
  EXPECT_EQ(dict.get("total")->as_int(), 4 * kCount);
  EXPECT_EQ(list.size(), 4U * kCount);
}

TEST(ManagerTest, CallManyReturnsAllRepliesInOrder) {
  const Manager manager;
  const auto value = manager.value(0);
  const std::string big(1000, 'x');
  const auto replies =
      value.call_many("add", std::vector<ipc::Proxy::Arguments>(500, {2}));
  ASSERT_EQ(replies.size(), 500U);
  EXPECT_EQ(replies.front().as_int(), 2);
  EXPECT_EQ(replies.back().as_int(), 1000);
  const auto list = manager.list();
  // Big requests and big replies.
  std::vector<ipc::Proxy::Arguments> calls(8, {std::string(1 << 17, 'x')});
  EXPECT_EQ(list.call_many("append", calls).back().as_int(), 8);
  calls.assign(8, {0});
  EXPECT_EQ(list.call_many("get", calls).back().text().size(), (1U << 17) + 2);
  EXPECT_THROW((void)list.call_many("get", {{0}, {99}, {1}}), ipc::BadCall);
  EXPECT_EQ(value.get().as_int(), 1000);
}

TEST(ManagerTest, CallManyThrowsTheFirstErrorWhenAllRepliesHaveCome) {
  const Manager manager;
  const auto list = manager.list({5});
  try {
    (void)list.call_many("get", {{98}, {0}, {99}});
    ADD_FAILURE() << "two of the items do not exist";
  } catch (const ipc::BadCall& error) {
    EXPECT_STREQ(error.what(), "there is no item 98");
  }
  EXPECT_EQ(list.get(0).as_int(), 5);
  // A call that would wait is an error as well.
  const auto queue = manager.queue();
  (void)queue.put(1);
  EXPECT_THROW(
      (void)queue.call_many("get", std::vector<ipc::Proxy::Arguments>(2)),
      ipc::BadCall);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(ManagerTest, AProxyInAContainerIsTheObjectItself) {
  const Manager manager;
  const auto outer = manager.dict();
  in_child([&] {
    const auto rows = manager.list({1});
    outer.set("rows", rows);
    outer.set("copy", Json::list({1}));
  });
  // The process that made the list has gone, but the container keeps it.
  const auto rows = outer.open<ipc::managed::List>(*outer.get("rows"));
  in_child([&] {
    (void)outer.open<ipc::managed::List>(*outer.get("rows")).append(2);
  });
  EXPECT_EQ(rows.items(), (std::vector<Json>{1, 2}));
  EXPECT_THROW((void)outer.open<ipc::managed::Dict>(*outer.get("rows")),
               ipc::BadCall);
  EXPECT_THROW((void)outer.open<ipc::managed::List>(*outer.get("copy")),
               ipc::BadCall);
  const size_t before = manager.object_count();
  { const auto again = outer.open<ipc::managed::List>(*outer.get("rows")); }
  EXPECT_EQ(rows.size(), 2U);  // Only another proxy of the list has gone.
  EXPECT_EQ(manager.object_count(), before);
}

// Processes, connections and ends.

TEST(ManagerTest, ObjectsGoWithTheirLastProxy) {
  const Manager manager;
  {
    const auto list = manager.list();
    const ipc::managed::List copy = list;
    in_child([&] { (void)list.append(1); });
    EXPECT_EQ(manager.object_count(), 2U);
  }
  await_count(manager, 1);
}

// A thread has made a proxy of the object, and the last copy of that proxy goes
// in a thread that has a proxy of its own.
TEST(ManagerTest, AnObjectStaysWhenAProxyOfAnotherThreadGoes) {
  const Manager manager;
  const auto ours = manager.list({1});
  std::optional<ipc::managed::List> theirs;
  std::thread([&] { theirs.emplace(ipc::Proxy(ours.server(), ours)); }).join();
  theirs.reset();
  // The collection that takes this list would take ours as well.
  { const auto other = manager.list(); }
  await_count(manager, 2);
  EXPECT_EQ(ours.size(), 1U);
}

TEST(ManagerTest, AnotherThreadIsAnotherOwner) {
  const Manager manager;
  const auto lock = manager.lock();
  (void)lock.lock();
  bool taken = true;
  std::thread([&] { taken = lock.try_lock(); }).join();
  EXPECT_FALSE(taken);
}

// When the proxy is destroyed, the thread's connection may already be closed.
TEST(ManagerTest, AProxyThatGoesWithItsThreadLeavesNothing) {
  const Manager manager;
  std::thread([&] {
    thread_local std::optional<ipc::managed::List> list;
    list = manager.list({1});
    EXPECT_EQ(manager.object_count(), 2U);
  }).join();
  await_count(manager, 1);
}

TEST(ManagerTest, AChildKeepsNoConnectionOfAnotherThread) {
  const Manager manager;
  const auto lock = manager.lock();
  ipc::Pipe locked = ipc::make_pipe();
  ipc::Pipe forked = ipc::make_pipe();
  const auto wait_for = [](const ipc::Pipe& pipe) {
    std::byte byte{};
    return ipc::read_exact(pipe.reader, std::span(&byte, 1));
  };
  std::thread owner([&] {
    (void)lock.lock();
    locked.writer.reset();
    (void)wait_for(forked);
  });
  (void)wait_for(locked);
  // The child does not use the manager, and stays alive.
  Process child("Child", [&] {
    forked.writer.reset();
    ::pause();
  });
  forked.writer.reset();
  owner.join();
  ipc::Acquired acquired = ipc::Acquired::clean;
  EXPECT_TRUE(lock.lock_until(limit(), &acquired));
  EXPECT_EQ(acquired, ipc::Acquired::owner_died);
  child.kill();
}

// The dead client has a child that has inherited its descriptors, and lives.
TEST(ManagerTest, ADeadClientGivesBackWhatItHad) {
  const Manager manager;
  const auto lock = manager.lock();
  const auto permits = manager.bounded_semaphore(3);
  const auto waited_for = manager.event();
  const auto ready = manager.semaphore(0);
  for (int i = 0; i < 10; ++i) {
    ipc::Pipe heirs = ipc::make_pipe();
    Process client("Client", [&] {
      std::vector<ipc::managed::List> lists;
      for (int k = 0; k < 50; ++k) lists.push_back(manager.list({k}));
      (void)lock.lock();
      permits.acquire();
      const Process heir("Heir", [&] {
        (void)::prctl(PR_SET_PDEATHSIG, 0);
        heirs.writer.reset();
        ready.release();
        std::byte byte{};
        (void)ipc::read_exact(heirs.reader, std::span(&byte, 1));
      });
      ready.release();
      waited_for.wait();
    });
    ready.acquire();  // The client is ready,
    ready.acquire();  // and so is its heir.
    EXPECT_EQ(manager.object_count(), 55U);
    EXPECT_FALSE(lock.try_lock());
    client.kill();
    const int64_t begin_ns = ipc::now_ns();
    ipc::Acquired acquired = ipc::Acquired::clean;
    ASSERT_TRUE(lock.lock_until(limit(), &acquired));
    EXPECT_EQ(acquired, ipc::Acquired::owner_died);
    // Each owner learns of the death until one calls repaired().
    lock.unlock();
    {
      ipc::managed::Guard guard(lock);
      EXPECT_TRUE(guard.owner_died());
      guard.repaired();
    }
    EXPECT_EQ(lock.lock(), ipc::Acquired::clean);
    lock.unlock();
    await_count(manager, 5);
    EXPECT_LT(ipc::now_ns() - begin_ns, 2e9 * ipc::time_scale());
    EXPECT_EQ(permits.value(), 3);
    EXPECT_LT(client.join(), 0);
  }
}

TEST(ManagerTest, ADeadWaiterDoesNotGetTheLock) {
  const Manager manager;
  const auto lock = manager.lock();
  const auto started = manager.semaphore(0);
  (void)lock.lock();
  Process first("First", [&] {
    started.release();
    (void)lock.lock();
  });
  started.acquire();
  first.kill();
  EXPECT_LT(first.join(), 0);
  lock.unlock();
  in_child([&] { expect(lock.lock_until(limit())); });
}

// The process that should have notified dies while it has the lock.
TEST(ManagerTest, WaitersOfAConditionLookAgainWhenAnOwnerDies) {
  const Manager manager;
  const auto condition = manager.condition();
  const auto value = manager.value(0);
  const auto waits = manager.semaphore(0);
  Process waiter("Waiter", [&] {
    const ipc::managed::Guard guard(condition);
    waits.release();
    condition.wait([&] { return value.get().as_int() == 1; });
  });
  waits.acquire();
  Process notifier("Notifier", [&] {
    (void)condition.lock();  // It succeeds only when the waiter waits.
    value.set(1);
    ::raise(SIGKILL);
  });
  EXPECT_EQ(status_of(waiter), 0);
  EXPECT_LT(notifier.join(), 0);
}

// Whatever the call waits for.
TEST(ManagerTest, ACallThatWaitsForADeadServerThrowsManagerGone) {
  Manager manager;
  const auto lock = manager.lock();
  const auto queue = manager.queue();
  const auto event = manager.event();
  const auto permits = manager.semaphore(0);
  const auto condition = manager.condition();
  const auto started = manager.semaphore(0);
  (void)lock.lock();
  const std::vector<std::function<void()>> waits = {
      [&] { (void)lock.lock(); },
      [&] { (void)queue.get(); },
      [&] { event.wait(); },
      [&] { permits.acquire(); },
      [&] { (void)permits.acquire_until(Deadline::after(3600)); },
      [&] {
        const ipc::managed::Guard guard(condition);
        condition.wait([] { return false; });
      }};
  std::vector<Process> waiters;
  for (const auto& wait : waits) {
    waiters.emplace_back("Waiter", [&] {
      started.release();
      try {
        wait();
      } catch (const ipc::ManagerGone&) {
        ::_exit(7);
      }
    });
  }
  for (size_t i = 0; i < waits.size(); ++i) started.acquire();
  const int64_t begin_ns = ipc::now_ns();
  manager.process().kill();
  for (Process& waiter : waiters) EXPECT_EQ(status_of(waiter), 7);
  EXPECT_LT(ipc::now_ns() - begin_ns, 1e9 * ipc::time_scale());
  EXPECT_THROW(lock.unlock(), ipc::ManagerGone);
  EXPECT_THROW((void)manager.list(), ipc::ManagerGone);
}

TEST(ManagerTest, AProxyOfAnEarlierServerIsStale) {
  const ipc::TempDir folder;
  const ipc::ManagerOptions options{folder.file("socket"), "the key", {}};
  std::optional<ipc::managed::List> old;
  {
    const Manager first(options);
    old = first.list();
    (void)old->append(1);
  }
  EXPECT_THROW((void)old->size(), ipc::ManagerGone);
  const Manager second(options);
  const auto other = second.list();
  EXPECT_THROW((void)old->size(), ipc::StaleObject);
  EXPECT_THROW((void)other.append(*old), ipc::StaleObject);
  EXPECT_EQ(other.size(), 0U);
}

TEST(ManagerTest, AfterShutdownEveryCallSaysThatTheManagerHasGone) {
  Manager manager;
  const auto list = manager.list();
  manager.shutdown();
  manager.shutdown();
  EXPECT_THROW((void)list.append(1), ipc::ManagerGone);
  in_child([&] {
    try {
      (void)list.append(1);
    } catch (const ipc::ManagerGone&) {
      return;
    }
    throw std::runtime_error("a server that has ended has answered");
  });
}

TEST(ManagerTest, AChildCannotShutDownTheServerOfItsParent) {
  Manager manager;
  const auto list = manager.list();
  in_child([&] { manager.shutdown(); });
  EXPECT_EQ(list.append(1), 1U);
}

TEST(ManagerTest, AfterShutdownNoConnectionIsLeft) {
  Manager manager;
  const int before = ipc::testing::open_fd_count();
  (void)manager.list();
  EXPECT_GT(ipc::testing::open_fd_count(), before);
  manager.shutdown();
  EXPECT_EQ(ipc::testing::open_fd_count(), before);
}

// The server waits neither for a silent client nor for half a message.
TEST(ManagerTest, ASilentClientDelaysNoOtherClient) {
  const Manager manager;
  const ipc::Address address(manager.address().address);
  const ipc::ClientOptions options{manager.address().key};
  ipc::Connection silent = ipc::connect(address, options);
  ipc::Connection half = ipc::connect(address, options);
  ASSERT_EQ(::write(half.fd(), "\0\0\1\0[1,", 7), 7);
  in_child([&] { expect(manager.list({1, 2}).size() == 2U); });
}

// Registered types.

class Counter {
 public:
  explicit Counter(int first) : value_(first) {}
  int increment() { return ++value_; }
  void add(int16_t amount, const std::string& why) {
    if (why.empty()) throw std::runtime_error("no reason given");
    value_ += amount;
  }
  [[nodiscard]] int get_value() const { return value_; }
  void raise(uint64_t amount) { value_ += static_cast<int>(amount); }
  void reset() { value_ = 0; }  // Not registered.

 private:
  int value_;
};

ipc::ManagerOptions counter_options(const std::string& address = "") {
  ipc::ManagerOptions options{address, "the key", {}};
  options.types.add<Counter, int>("Counter")
      .method("increment", &Counter::increment)
      .method("add", &Counter::add)
      .method("raise", &Counter::raise)
      .method("get_value", &Counter::get_value);
  return options;
}

struct Odd {
  explicit Odd(int kind) {
    if (kind == 1) throw 42;
  }
  void number() { throw 42; }
  void text() { throw "a text"; }
  void bytes() { throw std::runtime_error("\xff"); }  // They are not UTF-8.
};

TEST(ManagerTest, WhateverAMethodThrowsIsAnErrorAtItsCaller) {
  ipc::ManagerOptions options;
  options.types.add<Odd, int>("Odd")
      .method("number", &Odd::number)
      .method("text", &Odd::text)
      .method("bytes", &Odd::bytes);
  const Manager manager(options);
  const auto dict = manager.dict();
  dict.set("a", 1);
  const ipc::Proxy odd = manager.create("Odd", {0});
  EXPECT_THROW((void)odd.call("number"), ipc::CallFailed);
  EXPECT_THROW((void)odd.call("text"), ipc::CallFailed);
  EXPECT_THROW((void)odd.call("bytes"), ipc::CallFailed);
  EXPECT_THROW((void)manager.create("Odd", {1}), ipc::CallFailed);
  EXPECT_EQ(dict.get("a")->as_int(), 1) << "the server must still serve";
}

TEST(ManagerTest, ARequestThatIsTooLongIsRefusedAndTheConnectionStays) {
  const Manager manager;
  const auto dict = manager.dict();
  const auto lock = manager.lock();
  (void)lock.lock();
  const std::string too_long(ipc::Connection::kMaxBytes, 'x');
  EXPECT_THROW(dict.set("a", too_long), ipc::BadCall);
  EXPECT_EQ(lock.depth(), 1) << "the connection, and its lock, are still there";
  EXPECT_FALSE(dict.contains("a"));
  // The same holds if other requests have been queued before it.
  EXPECT_THROW((void)dict.call_many("set", {{"b", 1}, {"a", too_long}}),
               ipc::BadCall);
  EXPECT_EQ(lock.depth(), 1);
  EXPECT_FALSE(dict.contains("a"));
}

TEST(ManagerTest, ACallWithADeadlineReturnsThoughTheServerIsStopped) {
  Manager manager;
  const auto list = manager.list();
  // More than a socket takes, so that it already waits to be sent.
  const std::string much(4 << 20, 'x');
  const int64_t begin_ns = ipc::now_ns();
  in_child([&] {
    (void)list.size();  // It has a connection.
    expect(manager.process().send_signal(SIGSTOP));
    try {
      (void)list.call_until(soon(), "append", {much});
      expect(false);
    } catch (const ipc::ManagerGone&) {
    }
  });
  EXPECT_LT(static_cast<double>(ipc::now_ns() - begin_ns) / 1e9,
            (ipc::Proxy::kGraceS + 2) * ipc::time_scale());
  ASSERT_TRUE(manager.process().send_signal(SIGCONT));
  EXPECT_LE(list.size(), 1U) << "the call was done at most once";
}

TEST(ManagerTest, ARegisteredClassLivesInTheServer) {
  const Manager manager(counter_options());
  const ipc::Proxy counter = manager.create("Counter", {40});
  in_child([&] {
    (void)counter.call("increment");
    (void)counter.call("add", {1, "because"});
  });
  EXPECT_EQ(counter.call("get_value").as_int(), 42);
}

TEST(ManagerTest, OnlyWhatIsRegisteredCanBeCalled) {
  const Manager manager(counter_options());
  const ipc::Proxy counter = manager.create("Counter", {0});
  EXPECT_THROW((void)counter.call("reset"), ipc::UnknownMethod);
  EXPECT_THROW((void)counter.call("value_"), ipc::UnknownMethod);
  EXPECT_THROW((void)manager.create("Account"), ipc::UnknownMethod);
  EXPECT_THROW((void)manager.list().call("lock"), ipc::UnknownMethod);
}

TEST(ManagerTest, ArgumentsThatDoNotFitAreRefused) {
  const Manager manager(counter_options());
  EXPECT_THROW((void)manager.create("Counter"), ipc::BadCall);
  const ipc::Proxy counter = manager.create("Counter", {0});
  EXPECT_THROW((void)counter.call("increment", {1}), ipc::BadCall);
  EXPECT_THROW((void)counter.call("add", {"1", "a"}), ipc::BadCall);
  EXPECT_THROW((void)counter.call("add", {40'000, "a"}), ipc::BadCall);
  EXPECT_THROW((void)counter.call("raise", {-1}), ipc::BadCall);
  EXPECT_THROW((void)counter.call("add", {counter, "a"}), ipc::BadCall);
  EXPECT_THROW((void)counter.call("add", {1, ""}), ipc::CallFailed);
  EXPECT_EQ(counter.call("get_value").as_int(), 0);
}

// A class that overrides functions of ManagedObject.
class Mailbox : public ipc::ManagedObject {
 public:
  void each_value(const Visit& visit) const override { visit(letter_); }
  void forget(ipc::ClientId client) override { given_up_ += client == reader_; }

  void put(const Json& letter) { letter_ = letter; }
  std::optional<Json> take(const ipc::Caller& caller, int64_t least) {
    reader_ = caller.client;
    if (letter_.is_null() || least > 1) return {};
    return std::exchange(letter_, Json());
  }
  [[nodiscard]] int64_t given_up() const { return given_up_; }

 private:
  Json letter_;
  ipc::ClientId reader_ = 0;
  int64_t given_up_ = 0;
};

TEST(ManagerTest, ARegisteredClassMayWaitKeepProxiesAndSeeAClientGo) {
  ipc::ManagerOptions options;
  options.types.add<Mailbox>("Mailbox")
      .method("put", &Mailbox::put)
      .method("take", &Mailbox::take)
      .method("given_up", &Mailbox::given_up);
  const Manager manager(options);
  const ipc::Proxy box = manager.create("Mailbox");
  EXPECT_FALSE(box.call_until(soon(), "take", {1}).has_value());
  Process reader("Reader", [&] {
    const auto list = box.open<ipc::managed::List>(box.call("take", {1}));
    expect(list.size() == 2);
  });
  in_child([&] { (void)box.call("put", {manager.list({1, 2})}); });
  EXPECT_EQ(status_of(reader), 0);
  // The server needs some time to see that the client has ended.
  const Deadline deadline = limit();
  while (box.call("given_up").as_int() == 0 && !deadline.expired()) continue;
  EXPECT_EQ(box.call("given_up").as_int(), 1);
  EXPECT_THROW((void)box.call("take"), ipc::BadCall);
}

TEST(ManagerTest, OverTcpOnlyClientsWithTheKeyCanJoin) {
  const Manager manager(counter_options("127.0.0.1:0"));
  manager.root().set("counter", manager.create("Counter", {0}));
  in_child([&] {
    const ipc::ManagerClient client(manager.address());
    const auto root = client.root();
    const auto counter = root.open<ipc::Proxy>(*root.get("counter"));
    expect(counter.call("increment").as_int() == 1);
  });
  const ipc::ManagerClient stranger({manager.address().address, "another key"});
  in_child([&] {
    // Even though this process has a connection with the right key.
    expect(ipc::ManagerClient(manager.address()).root().size() == 1U);
    try {
      (void)stranger.root();
    } catch (const ipc::ManagerGone& error) {
      expect(std::string(error.what()).find("key") != std::string::npos);
      return;
    }
    throw std::runtime_error("a client with a wrong key has joined");
  });
}

}  // namespace
