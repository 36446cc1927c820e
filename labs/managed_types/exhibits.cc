#include "labs/managed_types/exhibits.h"

#include "common/manager/managed.h"

namespace {

using ipc::Manager;
using ipc::managed::Guard;

constexpr int kRounds = 3;

// Two calls, for which a lock is needed.
void add_in_two_calls(const ipc::managed::Value& value) {
  value.set(value.get().as_int() + 1);
}

Exhibit dict(const Manager& manager) {
  const auto dict = manager.dict();
  const auto use = [=](const char* name) {
    dict.set(name, "was here");
    (void)dict.add("visits", 1);
  };
  return {"dict", [=] { use("Worker 0"); }, [=] { use("Worker 1"); },
          [=] { return ipc::Json::object(dict.fields()).text(); }};
}

Exhibit list(const Manager& manager) {
  const auto list = manager.list();
  const auto use = [=] { (void)list.extend({"a", "b"}); };
  return {"list", use, use,
          [=] { return ipc::Json::list(list.items()).text(); }};
}

// One asks, the other answers.
Exhibit name_space(const Manager& manager) {  // [exhibit]
  const auto names = manager.name_space();
  const auto asked = manager.event();
  return {"Namespace",
          [=] {
            names.set("question", 21);
            asked.set();
          },
          [=] {
            asked.wait();
            names.set("answer", 2 * names.get("question").as_int());
          },
          [=] { return ipc::Json::object(names.fields()).text(); }};
}

Exhibit lock(const Manager& manager) {
  const auto lock = manager.lock();
  const auto value = manager.value(0);
  const auto use = [=] {
    for (int i = 0; i < kRounds; ++i) {
      const Guard guard(lock);
      add_in_two_calls(value);
    }
  };
  return {"Lock", use, use, [=] { return value.get().text(); }};
}

// A function with the lock calls one that takes it as well.
Exhibit rlock(const Manager& manager) {
  const auto lock = manager.rlock();
  const auto value = manager.value(0);
  const auto use = [=] {
    const Guard outer(lock);
    for (int i = 0; i < kRounds; ++i) {
      const Guard inner(lock);
      add_in_two_calls(value);
    }
  };
  return {"RLock", use, use, [=] { return value.get().text(); }};
}

// A permit says "one more is ready", to the other process.
Exhibit semaphore(const Manager& manager) {
  const auto ready = manager.semaphore(0);
  const auto taken = manager.value(0);
  return {"Semaphore",
          [=] {
            for (int i = 0; i < kRounds; ++i) ready.release();
          },
          [=] {
            for (int i = 0; i < kRounds; ++i) {
              ready.acquire();
              (void)taken.add(1);
            }
          },
          [=] { return taken.get().text() + " permits passed on"; }};
}

// At most one is inside, and only a process that is inside can leave.
Exhibit bounded_semaphore(const Manager& manager) {
  const auto seats = manager.bounded_semaphore(1);
  const auto inside = manager.value(0);
  const auto most = manager.value(0);
  const auto use = [=] {
    for (int i = 0; i < kRounds; ++i) {
      seats.acquire();
      const auto now = inside.add(1);
      if (now.as_int() > most.get().as_int()) most.set(now);
      (void)inside.add(-1);
      seats.release();
    }
  };
  return {"BoundedSemaphore", use, use,
          [=] { return "at most " + most.get().text() + " inside"; }};
}

Exhibit condition(const Manager& manager) {
  const auto condition = manager.condition();
  const auto items = manager.list();
  return {"Condition",
          [=] {
            const Guard guard(condition);
            (void)items.append("item");
            condition.notify_one();
          },
          [=] {
            const Guard guard(condition);
            condition.wait([=] { return items.size() > 0; });
            (void)items.pop();
          },
          [=] { return std::to_string(items.size()) + " items left"; }};
}

Exhibit event(const Manager& manager) {
  const auto event = manager.event();
  return {"Event", [=] { event.set(); }, [=] { event.wait(); },
          [=] { return event.is_set() ? "set" : "not set"; }};
}

Exhibit queue(const Manager& manager) {
  const auto queue = manager.queue(1);
  const auto sum = manager.value(0);
  return {"Queue",
          [=] {
            for (int i = 1; i <= kRounds; ++i) (void)queue.put(i);
            queue.close();
          },
          [=] {
            while (const auto item = queue.get()) (void)sum.add(*item);
          },
          [=] { return "items of sum " + sum.get().text(); }};
}

Exhibit value(const Manager& manager) {
  const auto value = manager.value(0);
  const auto use = [=] {
    for (int i = 0; i < kRounds; ++i) (void)value.add(1);
  };
  return {"Value", use, use, [=] { return value.get().text(); }};
}

Exhibit array(const Manager& manager) {
  const auto array = manager.array({0, 0, 0});
  const auto use = [=] {
    for (size_t i = 0; i < array.size(); ++i) (void)array.add(i, i + 1);
  };
  return {"Array", use, use,
          [=] { return ipc::Json::list(array.items()).text(); }};
}

}  // namespace

std::vector<Exhibit> make_exhibits(const Manager& manager) {
  return {dict(manager),
          list(manager),
          name_space(manager),
          lock(manager),
          rlock(manager),
          semaphore(manager),
          bounded_semaphore(manager),
          condition(manager),
          event(manager),
          queue(manager),
          value(manager),
          array(manager)};
}
