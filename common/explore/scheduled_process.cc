#include "common/explore/scheduled_process.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/hooks.h"
#include "common/report/report.h"

namespace ipc {
namespace {

class ProcessGate final : public Gate {
 public:
  ProcessGate(GateBoard& board, size_t index)
      : board_(board), box_(board.boxes[index]), index_(index) {}

  void stop_at(std::string_view place, bool inner) override {
    if (!is_of_this_process() || (inner && !board_.inner)) return;
    event(EventKind::point, place);
    box_.place.set(place);
    stop(Stop::at_point);
  }

  bool sleep_on(const void* object, int64_t deadline_ns, bool mutex) override {
    // Without a time of their own, processes sleep in real time, in the kernel.
    const bool timed = deadline_ns != Deadline::never().ns();
    if (timed && board_.time_ns == 0) return false;
    if (timed && deadline_ns <= board_.time_ns) return true;
    box_.object = object;
    box_.ticket = ++board_.next_ticket;
    box_.deadline_ns = deadline_ns;
    box_.mutex = mutex;
    box_.woken = false;
    depends_on(object);
    stop(Stop::asleep);
    // The waker wrote there too, and another waker may come first.
    depends_on(object);
    return true;
  }

  int wake(const void* object, int count) override {
    const int woken = wake_sleepers(board_, object, count, box_.accesses);
    depends_on(object);
    return woken;
  }

  bool wait_until(const std::function<bool()>& is_over, std::string_view what,
                  int64_t deadline_ns) override {
    // Without a time of their own, processes wait in the kernel.
    if (board_.time_ns == 0) return false;
    box_.accesses.add_all();
    // If a server answers, it must make no difference how fast it does so.
    stopped_since_wait_ = true;
    while (!is_over() && deadline_ns > board_.time_ns) {
      box_.deadline_ns = deadline_ns;
      box_.woken = false;
      box_.ready = false;
      const bool told = !box_.waits_for.text().empty();
      if (!told) box_.waits_for.set(what);
      stop(Stop::polling);
      while (box_.asked) {
        box_.asked = false;
        box_.ready = is_over();
        stop(Stop::polling);
      }
      if (!told) box_.waits_for.set("");
      box_.accesses.add_all();
    }
    return true;
  }

  int64_t now_ns() override { return board_.time_ns; }

  void looks_who_lives() override {
    box_.accesses.add(board_.lives.data(), board_.lives.size(), false);
  }

  // Events say what the process waits for, and when a wait in a system call
  // ends.
  void see(EventKind kind, std::string_view object) {
    if (board_.notes) note(kind, object);
    if (kind == EventKind::acquire) {
      replace_held("", object);
    } else if (kind == EventKind::release) {
      replace_held(object, "");
    }
    if (kind == EventKind::wait) {
      box_.waits_for.set(object);
      stopped_since_wait_ = false;
    } else if (kind == EventKind::wake) {
      if (!stopped_since_wait_) stop(Stop::woken);
      box_.waits_for.set("");
    }
  }

  void leave() {
    watch(nullptr);
    box_.accesses.add(&board_.lives[index_], 1, true);
    box_.stop.store(Stop::finished);
    ring();
  }

 private:
  void stop(Stop why) {
    stopped_since_wait_ = true;
    // If it dies while it is stopped, the kernel must be able to write its
    // locks.
    watch(nullptr);
    const uint32_t seen = box_.go.load();
    box_.stop.store(why);
    ring();
    while (box_.go.load() == seen) gate_sleep(box_.go, seen, -1);
    watch(&box_.accesses);
  }

  void watch(MemoryAccesses* accesses) {
    if (accesses == nullptr && !watches_) return;
    if (accesses != nullptr && !board_.watches) return;
    watch_memory(board_.watched(), accesses);
    watches_ = accesses != nullptr;
  }

  void ring() {
    board_.bell.fetch_add(1);
    gate_wake(board_.bell);
  }

  void depends_on(const void* object) {
    box_.accesses.add(object, sizeof(uint32_t), true);
  }

  void replace_held(std::string_view before, std::string_view after) {
    const auto place =
        std::find_if(box_.held.begin(), box_.held.end(),
                     [&](const auto& one) { return one.text() == before; });
    if (place != box_.held.end()) place->set(after);
  }

  void note(EventKind kind, std::string_view object) {
    if (kind == EventKind::point || kind == EventKind::name ||
        kind == EventKind::start || kind == EventKind::exit) {
      return;
    }
    box_.notes.add(describe(kind));
    box_.notes.add(" ");
    box_.notes.add(object);
    box_.notes.add("\n");
  }

  GateBoard& board_;
  GateBox& box_;
  size_t index_;
  bool stopped_since_wait_ = true;
  bool watches_ = false;
};

std::optional<ProcessGate> own_gate;

void see_event(EventKind kind, std::string_view object,
               std::string_view /*id*/) {
  if (gate() != nullptr) own_gate->see(kind, object);
}

}  // namespace

void gate_sleep(const std::atomic<uint32_t>& word, uint32_t seen,
                int64_t limit_ns) {
  const timespec limit = to_timespec(limit_ns);
  (void)::syscall(SYS_futex, &word, FUTEX_WAIT, seen,
                  limit_ns < 0 ? nullptr : &limit);
}

void gate_wake(std::atomic<uint32_t>& word) {
  (void)::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX);
}

int wake_sleepers(GateBoard& board, const void* object, int count,
                  MemoryAccesses& accesses) {
  int woken = 0;
  for (; woken < count; ++woken) {
    GateBox* first = nullptr;
    for (GateBox& box : board.boxes) {
      if (box.stop.load() != Stop::asleep || box.woken) continue;
      if (box.object != object) continue;
      if (first == nullptr || box.ticket < first->ticket) first = &box;
    }
    if (first == nullptr) break;
    first->woken = true;
    accesses.add(object, sizeof(uint32_t), true);
  }
  return woken;
}

void enter_gate(GateBoard& board, size_t index) {
  own_gate.emplace(board, index);
  process_gate = &*own_gate;
  observe_events(see_event);
  board.lives[index] = true;
  point("start");
}

void leave_gate() {
  if (!gate()) return;
  process_gate = nullptr;
  own_gate->leave();
}

}  // namespace ipc
