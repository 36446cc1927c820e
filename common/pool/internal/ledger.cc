#include "common/pool/internal/ledger.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/hooks.h"

namespace ipc::pool_internal {
namespace {

using State = ChunkWord::State;

// How many texts of exceptions are kept for one batch.
constexpr uint64_t kTextsMax = 64;

uint64_t pieces(uint64_t all, uint64_t size) { return (all + size - 1) / size; }

uint64_t chunk_size_for(uint64_t task_count, size_t workers,
                        const TaskOptions& options) {
  if (options.chunk_size != 0) return options.chunk_size;
  return std::max<uint64_t>(pieces(task_count, 4 * workers), 1);
}

}  // namespace

Ledger::Layout::Layout(const Plan& plan, uint64_t task_count,
                       uint64_t chunk_count, bool has_arguments)
    : text_count(std::min(task_count, kTextsMax)),
      states(aligned(chunk_count * sizeof(uint64_t))),
      texts(states + aligned(task_count)),
      arguments(texts + aligned(text_count * sizeof(FailureText))),
      results(arguments +
              (has_arguments ? aligned(task_count * plan.argument_bytes) : 0)),
      size_bytes(results + aligned(task_count * plan.result_bytes)) {}

Ledger::Ledger(const Plan& plan, uint64_t id, uint64_t task_count,
               size_t workers, bool has_arguments, const TaskOptions& options)
    : plan_(plan),
      id_(id),
      options_(options),
      task_count_(task_count),
      chunk_size_(chunk_size_for(task_count, workers, options)),
      chunk_count_(pieces(task_count, chunk_size_)),
      layout_(plan, task_count, chunk_count_, has_arguments) {
  // A chunk's word has 32 bits for the first of its tasks that is to be done.
  IPC_CHECK(chunk_size_ <= UINT32_MAX);
}

void Ledger::lay_out(const Space& space, const void* arguments,
                     uint64_t first_index, uint64_t first_number) {
  space_ = space;
  const uint64_t base = space.offset;
  Batch& batch = plan_.board().batches[space.slot];
  batch_ = &batch;
  batch.first_number = first_number;
  batch.task_count = task_count_;
  batch.chunk_size = chunk_size_;
  batch.chunk_count = chunk_count_;
  batch.first_index = first_index;
  batch.words = base;
  batch.states = base + layout_.states;
  batch.texts = base + layout_.texts;
  batch.arguments = arguments == nullptr ? 0 : base + layout_.arguments;
  batch.results = base + layout_.results;
  batch.text_count = layout_.text_count;
  batch.next = 0;
  batch.unfinished = chunk_count_;
  batch.texts_used = 0;
  words_ = plan_.at<std::atomic<uint64_t>>(batch.words);
  // Read as plain bytes: nothing stores those of a chunk that is done.
  static_assert(sizeof(std::atomic<TaskState>) == sizeof(TaskState));
  states_ = plan_.at<TaskState>(batch.states);
  results_ = plan_.at<std::byte>(batch.results);
  // All zeros means: chunks are free, tasks are open, texts belong to no task.
  static_assert(ChunkWord(State::free, 0, 0).bits() == 0);
  static_assert(static_cast<int>(TaskState::open) == 0);
  ::memset(plan_.at<std::byte>(base), 0, layout_.arguments);
  if (arguments != nullptr) {
    ::memcpy(plan_.at<std::byte>(batch.arguments), arguments,
             task_count_ * plan_.argument_bytes);
  }
}

void Ledger::begin() {
  // Release, by the default order: a worker that sees the id sees the batch.
  batch_->id.store(id_);
  issue_ticket();
}

// Sends the workers to the batch, or does so later if there are too many
// tickets.
void Ledger::issue_ticket() {
  Board& board = plan_.board();
  const uint64_t tail = board.tail;
  ticket_due_ = tail - board.head >= kTicketsMax;
  if (ticket_due_) return;
  board.tickets[tail % kTicketsMax] = make_ticket(id_, space_.slot);
  board.tail = tail + 1;
  if (chunk_count_ == 1) {
    board.sleepers.wake_one();
  } else {
    board.sleepers.wake_all();
  }
}

uint64_t Ledger::end_task(uint64_t chunk) const {
  return std::min(first_task(chunk) + chunk_size_, task_count_);
}

// A chunk that was taken has been drawn. Few of those are not done: at most one
// for each worker, and those that were set free again.
void Ledger::scan() {
  if (done()) return;
  // Acquire, by the default order: it shows the states and results of the
  // chunk.
  const auto is_done = [this](uint64_t chunk) {
    if (ChunkWord(words_[chunk]).state() != State::done) return false;
    fresh_.push_back(chunk);
    ++done_chunks_;
    return true;
  };
  std::erase_if(pending_,
                [&](const Pending& pending) { return is_done(pending.chunk); });
  drawn_ = std::max<uint64_t>(drawn_, batch_->next);
  const uint64_t limit = std::min(drawn_, chunk_count_);
  for (; scanned_ < limit; ++scanned_) {
    if (!is_done(scanned_)) pending_.push_back({scanned_, false});
  }
}

void Ledger::settle(const Death& death) {
  if (done()) return;
  troubled_ = true;
  scan();
  for (const Pending& pending : pending_) {
    const ChunkWord word(words_[pending.chunk]);
    if (word.state() != State::claimed || word.life() != death.life) continue;
    if (settle_chunk(pending.chunk, death)) wind_back(pending.chunk);
  }
}

// Ends the task that the dead worker was at, or lets it be done again. True if
// tasks are left for another worker.
bool Ledger::settle_chunk(uint64_t chunk, const Death& death) {
  auto* const states = plan_.at<std::atomic<TaskState>>(batch_->states);
  const uint64_t first = first_task(chunk);
  const uint64_t end = end_task(chunk);
  uint64_t task = first + ChunkWord(words_[chunk]).start();
  while (task < end && states[task] != TaskState::open) ++task;
  if (task < end && death.begun == batch_->first_number + task + 1 &&
      (cancelled_ || retries_[task]++ >= options_.retries)) {
    states[task] = TaskState::lost;
    failures_[task] = death.failure;
    ++task;
  }
  if (task == end || cancelled_) {
    words_[chunk] = ChunkWord(State::done, 0, 0).bits();
    return false;
  }
  // After the states, by the default order: a worker that takes it sees them.
  words_[chunk] =
      ChunkWord(State::free, 0, static_cast<uint32_t>(task - first)).bits();
  return true;
}

// Lets the workers find a free chunk that they have passed. `next` only ever
// moves back here, because moving on would skip chunks; passing a chunk twice
// costs one look.
void Ledger::wind_back(uint64_t chunk) {
  // Sequentially consistent: a worker that draws the chunk's number after this
  // finds it free. And what was drawn until now may be taken, although `next`
  // does not show that any more.
  inner_point("about to wind back");
  uint64_t next = batch_->next;
  while (next > chunk && !batch_->next.compare_exchange_weak(next, chunk)) {
  }
  drawn_ = std::max(drawn_, next);
  issue_ticket();
}

// If a chunk was free at the last tick and still is, although its number was
// drawn, the worker that has drawn it was stopped before it took it, or has
// died.
void Ledger::find_stalled() {
  if (done()) return;
  if (ticket_due_) issue_ticket();
  for (Pending& pending : pending_) {
    const bool free = ChunkWord(words_[pending.chunk]).state() == State::free;
    if (std::exchange(pending.was_free, free) && free) wind_back(pending.chunk);
  }
}

void Ledger::cancel() {
  if (done() || cancelled_) return;
  cancelled_ = true;
  troubled_ = true;
  for (uint64_t chunk = 0; chunk < chunk_count_; ++chunk) {
    uint64_t seen = words_[chunk];
    if (ChunkWord(seen).state() != State::free) continue;
    words_[chunk].compare_exchange_strong(seen,
                                          ChunkWord(State::done, 0, 0).bits());
  }
  batch_->next = chunk_count_;
  scan();
}

void Ledger::drop() {
  cancel();
  dropped_ = true;
}

std::optional<FinishedTask> Ledger::next() {
  if (fresh_.empty()) return std::nullopt;
  const uint64_t chunk = fresh_.front();
  const uint64_t task = first_task(chunk) + fresh_tasks_++;
  if (task + 1 == end_task(chunk)) {
    fresh_.pop_front();
    fresh_tasks_ = 0;
  }
  ++returned_tasks_;
  return describe(task);
}

FinishedTask Ledger::finished(uint64_t task) const {
  IPC_CHECK(done() && task < task_count_);
  return describe(task);
}

std::optional<FinishedTask> Ledger::first_failure() const {
  IPC_CHECK(done());
  const TaskState* const end = states_ + task_count_;
  // Counted first: that is fast, since the compiler does many at a time.
  const auto returned = std::count(states_, end, TaskState::returned);
  if (returned == end - states_) return std::nullopt;
  const auto* const failed = std::find_if(states_, end, [](TaskState state) {
    return state != TaskState::returned;
  });
  return describe(static_cast<uint64_t>(failed - states_));
}

FinishedTask Ledger::describe(uint64_t task) const {
  FinishedTask finished;
  const auto failure = failures_.find(task);
  if (failure != failures_.end()) {
    finished = failure->second;
  } else if (states_[task] == TaskState::returned) {
    finished.result = results_ + task * plan_.result_bytes;
  } else if (states_[task] == TaskState::threw) {
    finished.end = TaskEnd::threw;
    finished.text = text_of(task);
  } else {
    finished.end = TaskEnd::cancelled;
    finished.text = "was cancelled";
  }
  finished.task = task;
  return finished;
}

std::string Ledger::text_of(uint64_t task) const {
  const auto* const texts = plan_.at<FailureText>(batch_->texts);
  for (uint64_t i = 0; i < batch_->text_count; ++i) {
    if (texts[i].task_plus_one == task + 1) return texts[i].text;
  }
  return "an exception, one of too many";
}

void Ledger::keep_results() {
  if (batch_ == nullptr) return;
  // The texts of exceptions go with the memory.
  for (uint64_t task = 0; task < task_count_; ++task) {
    if (states_[task] == TaskState::threw) failures_[task] = describe(task);
  }
  kept_states_.assign(states_, states_ + task_count_);
  states_ = kept_states_.data();
  kept_results_.assign(results_, results_ + task_count_ * plan_.result_bytes);
  results_ = kept_results_.data();
}

std::optional<Space> Ledger::close() {
  if (batch_ == nullptr) return std::nullopt;
  // Before the look at the desks; see WorkerLoop::take_ticket().
  batch_->id.store(0);
  batch_ = nullptr;
  return space_;
}

}  // namespace ipc::pool_internal
