#include "common/pool/internal/worker.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "common/base/clock.h"
#include "common/base/hooks.h"

namespace ipc::pool_internal {

using State = ChunkWord::State;

WorkerLoop::WorkerLoop(const Plan& plan, int place, uint32_t life)
    : plan_(plan),
      board_(plan.board()),
      desk_(board_.desks[place]),
      life_(life) {}

void WorkerLoop::run() {
  while (true) {
    if (take_ticket()) continue;
    const Sleepers::Stay stay(board_.sleepers);
    event(EventKind::wait, "its pool", "a task in");
    while (true) {
      const uint32_t ticket = board_.sleepers.ticket();
      if (board_.head.load() != board_.tail.load()) break;
      board_.sleepers.sleep(ticket, Deadline::never());
    }
    event(EventKind::wake, "its pool");
  }
}

// Works at the first batch that may have free chunks; false if there is none.
bool WorkerLoop::take_ticket() {
  uint64_t head = board_.head.load();
  // Acquire by the default order: the ticket was written before the tail.
  if (head == board_.tail.load()) return false;
  const uint64_t ticket = board_.tickets[head % kTicketsMax].load();
  const uint64_t slot = ticket_slot(ticket);
  Batch& batch = board_.batches[slot];
  // Both are sequentially consistent. The owner clears the id before it looks
  // at the desks: so either it sees ours, or we see that the batch is over.
  desk_.looking.store(slot + 1);
  inner_point("pool: it looks");
  if (batch.id.load() == ticket_id(ticket)) work_at(batch);
  // Release: what we read of the batch was read before it may be used again.
  desk_.looking.store(0, std::memory_order_release);
  // If the head has not moved, this ticket is still the first, and is used up.
  board_.head.compare_exchange_strong(head, head + 1);
  return true;
}

void WorkerLoop::work_at(Batch& batch) {
  while (true) {
    // Relaxed: the number is a hint, the chunk's word decides.
    const uint64_t chunk = batch.next.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= batch.chunk_count) return;
    take_chunk(batch, chunk);
  }
}

void WorkerLoop::take_chunk(Batch& batch, uint64_t chunk) {
  inner_point("pool: a number is drawn");
  // Relaxed: it is our own number, or that of the life that has our desk now.
  if (desk_.life.load(std::memory_order_relaxed) != life_) ::_exit(0);
  auto& word = plan_.at<std::atomic<uint64_t>>(batch.words)[chunk];
  // Relaxed: the exchange below compares it again.
  uint64_t seen = word.load(std::memory_order_relaxed);
  if (ChunkWord(seen).state() != State::free) return;
  const ChunkWord mine(State::claimed, life_, ChunkWord(seen).start());
  // Acquire: we see what the owner stored before it set the chunk free again.
  if (!word.compare_exchange_strong(seen, mine.bits(),
                                    std::memory_order_acquire)) {
    return;
  }
  const uint64_t first = chunk * batch.chunk_size;
  Tasks tasks;
  tasks.task_ = first + mine.start();
  tasks.end_ = std::min(first + batch.chunk_size, batch.task_count);
  tasks.first_number_ = batch.first_number;
  tasks.first_index_ = batch.first_index;
  if (batch.arguments != 0) {
    tasks.arguments_ = plan_.at<std::byte>(batch.arguments);
  }
  tasks.argument_bytes_ = plan_.argument_bytes;
  tasks.results_ = plan_.at<std::byte>(batch.results);
  tasks.states_ = plan_.at<std::atomic<TaskState>>(batch.states);
  tasks.begun_ = &desk_.begun;
  tasks.word_ = &word;
  tasks.mine_ = mine.bits();
  while (tasks.left()) run_tasks(batch, tasks);
  desk_.begun.store(0, std::memory_order_relaxed);
  uint64_t expected = mine.bits();
  // Release: an owner that sees the chunk done sees its states and results.
  if (!word.compare_exchange_strong(expected,
                                    ChunkWord(State::done, life_, 0).bits(),
                                    std::memory_order_release)) {
    ::_exit(0);
  }
  tell_owner(batch.unfinished.fetch_sub(1) == 1);
}

// Does the tasks up to the last, or up to the first that throws and so ends.
void WorkerLoop::run_tasks(Batch& batch, Tasks& tasks) {
  try {
    return plan_.call(tasks);
  } catch (const std::exception& error) {
    keep_text(batch, tasks.task_, error.what());
  } catch (...) {
    keep_text(batch, tasks.task_, "unknown exception");
  }
  tasks.check_fence();
  tasks.end_as(TaskState::threw);
}

// Each text has a place of its own; when all are used the text is lost.
void WorkerLoop::keep_text(Batch& batch, uint64_t task,
                           const char* text) const {
  const uint64_t place = batch.texts_used.fetch_add(1);
  if (place >= batch.text_count) return;
  FailureText& entry = plan_.at<FailureText>(batch.texts)[place];
  ::snprintf(entry.text, kTextBytes, "%s", text);
  // Release: the text is complete when its task is named.
  entry.task_plus_one.store(task + 1, std::memory_order_release);
}

// Wakes the owner if it wants to know. This worker has stored what the owner
// waits for before it looks here; the owner looks after it has said what it
// wants. With a fence between the two steps on either side, one of them sees
// the other.
void WorkerLoop::tell_owner(bool batch_done) const {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const Notify wanted = board_.notify.load(std::memory_order_relaxed);
  if (wanted == Notify::never) return;
  if (wanted == Notify::batch_done && !batch_done) return;
  // One wake-up is enough for all that is done until the owner looks.
  if (board_.notify.exchange(Notify::never) == Notify::never) return;
  const uint64_t one = 1;
  (void)!::write(plan_.event_fd, &one, sizeof one);
}

}  // namespace ipc::pool_internal
