#include "common/pool/internal/core.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"

namespace ipc {

using pool_internal::Batch;
using pool_internal::Board;
using pool_internal::ChunkWord;
using pool_internal::Desk;
using pool_internal::FailureText;
using pool_internal::Notify;
using pool_internal::TaskState;
using State = ChunkWord::State;

namespace {

constexpr uint64_t kAlignment = 64;
constexpr double kTickSeconds = 0.1;
// Texts of exceptions that are kept for one batch.
constexpr uint64_t kTextsMax = 64;
// Workers that die in a row before they are ready: then the fault is not
// theirs.
constexpr int kEarlyDeathsMax = 8;
constexpr double kNoForkSeconds = 1;
// How long a worker may look at a batch in which there is nothing to do.
constexpr double kLookingSeconds = 1;

// What epoll(7) reports, besides the number of a worker.
constexpr uint64_t kEventData = 1'000'000;
constexpr uint64_t kTimerData = kEventData + 1;

uint64_t aligned(uint64_t size_bytes) {
  return (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void add_to_epoll(int epoll_fd, int fd, uint64_t data) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = data;
  check(::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted), "epoll_ctl add");
}

void drain(int fd) {
  uint64_t count = 0;
  const ssize_t size = retry([&] { return ::read(fd, &count, sizeof count); });
  if (size == -1 && errno != EAGAIN) throw_error(errno, "read");
}

}  // namespace

// A batch as its owner sees it.
struct PoolCore::Running {
  struct Pending {
    uint64_t chunk;
    bool was_free;  // At the last tick, though workers had passed it.
  };

  BatchId id = 0;
  uint64_t slot = 0;
  Batch* batch = nullptr;  // Null when the results have been kept here.
  Region region;
  TaskOptions options;
  uint64_t task_count = 0;
  uint64_t chunk_size = 1;
  uint64_t chunk_count = 0;

  uint64_t drawn = 0;            // The highest that `next` has ever been.
  uint64_t scanned = 0;          // Chunks below it are done or in `pending`.
  std::vector<Pending> pending;  // In ascending order.
  std::deque<uint64_t> fresh;    // Done, and their tasks not yet returned.
  uint64_t fresh_task = 0;       // Returned tasks of the first of them.
  uint64_t done_chunks = 0;
  uint64_t returned_tasks = 0;

  std::map<uint64_t, FinishedTask> failures;  // Lost with their workers.
  std::map<uint64_t, int> retries;
  bool troubled = false;  // Batch::unfinished counts wrong from now on.
  bool cancelled = false;
  bool dropped = false;
  bool ticket_due = false;

  std::vector<std::byte> kept_results;
  std::vector<TaskState> kept_states;

  [[nodiscard]] bool done() const { return done_chunks == chunk_count; }
};

// Where a worker sits, whoever it is at present.
struct PoolCore::Place {
  std::optional<Process> process;
  uint32_t life = 0;

  // The last change that was seen of what it does, and when.
  BatchId watched_batch = 0;
  uint64_t watched_chunk = 0;
  uint64_t watched_begun = 0;
  int64_t since_ns = 0;
  double limit_s = 0;  // Above 0 if it was killed for being too late.
};

PoolCore::PoolCore(int worker_count, size_t argument_bytes, size_t result_bytes,
                   pool_internal::Call call, PoolOptions options)
    : owner_(::getpid()),
      options_(std::move(options)),
      pages_(aligned(sizeof(Board)) + aligned(options_.memory_bytes)),
      event_fd_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      timer_fd_(
          check(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                "timerfd_create")),
      epoll_fd_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
  IPC_CHECK(worker_count >= 1 && worker_count <= pool_internal::kWorkersMax);
  new (pages_.data()) Board;
  plan_.call = std::move(call);
  plan_.argument_bytes = argument_bytes;
  plan_.result_bytes = result_bytes;
  plan_.memory = static_cast<std::byte*>(pages_.data());
  plan_.event_fd = event_fd_.get();
  free_regions_[aligned(sizeof(Board))] = aligned(options_.memory_bytes);
  for (uint64_t i = pool_internal::kBatchesMax; i > 0; --i) {
    free_slots_.push_back(i - 1);
  }
  add_to_epoll(epoll_fd_.get(), event_fd_.get(), kEventData);
  add_to_epoll(epoll_fd_.get(), timer_fd_.get(), kTimerData);
  places_.resize(static_cast<size_t>(worker_count));
  for (int place = 0; place < worker_count; ++place) start_worker(place);
}

PoolCore::~PoolCore() {
  // A child's copy of the pool owns nothing.
  if (owner_ != ::getpid()) return;
  // All at once; the destructor of each Process then only reaps.
  for (Place& place : places_) {
    if (place.process) place.process->kill();
  }
}

// Workers.

void PoolCore::start_worker(int place) {
  Place& here = places_[static_cast<size_t>(place)];
  Desk& desk = board().desks[place];
  const uint32_t life = ++lives_;
  desk.ready = 0;
  desk.begun = 0;
  desk.looking = 0;
  desk.life = life;
  here = {};
  here.life = life;
  here.process.emplace(fmt::format("{} {}", options_.name, place + 1),
                       [&] { become_worker(place, life); });
  add_to_epoll(epoll_fd_.get(), here.process->pidfd(),
               static_cast<uint64_t>(place));
}

void PoolCore::become_worker(int place, uint32_t life) {
  if (options_.initializer) options_.initializer();
  board().desks[place].ready = 1;
  pool_internal::WorkerLoop(plan_, place, life).run();
}

// Takes note of the end of a worker, and of what becomes of its task.
void PoolCore::reap(int place) {
  Place& here = places_[static_cast<size_t>(place)];
  if (!here.process) return;
  const std::optional<int> status = here.process->exit_status();
  if (!status) return;
  // Not by closing it: workers that were forked later have copies of it.
  check(::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, here.process->pidfd(),
                    nullptr),
        "epoll_ctl delete");
  here.process.reset();
  ++deaths_;
  Desk& desk = board().desks[place];
  // SIGKILL comes from others and says nothing about the initializer.
  const bool early = desk.ready == 0 && *status != -SIGKILL;
  if (early || desk.ready != 0) early_deaths_ = early ? early_deaths_ + 1 : 0;
  if (early_deaths_ > kEarlyDeathsMax) {
    broken_ = fmt::format("no worker gets through its initializer: {}",
                          describe_status(*status));
  }
  FinishedTask failure;
  failure.end = here.limit_s > 0 ? TaskEnd::too_late : TaskEnd::worker_died;
  failure.status = *status;
  failure.text = here.limit_s > 0
                     ? fmt::format("took longer than {:g} s", here.limit_s)
                     : "its worker died: " + describe_status(*status);
  const uint64_t begun = desk.begun;
  desk.life = 0;
  desk.begun = 0;
  desk.looking = 0;
  for (const auto& [id, running] : running_) {
    settle(*running, here.life, begun, failure);
  }
}

// Fills the empty places; if that cannot be done now, then at a later look.
void PoolCore::refill() {
  bool any = false;
  if (!broken_.empty()) throw std::runtime_error(broken_);
  for (size_t place = 0; place < places_.size(); ++place) {
    if (places_[place].process) {
      any = true;
      continue;
    }
    try {
      start_worker(static_cast<int>(place));
      any = true;
      no_fork_since_ns_ = 0;
    } catch (const std::system_error&) {
      board().desks[place].life = 0;
      const int64_t now = now_ns();
      if (no_fork_since_ns_ == 0) no_fork_since_ns_ = now;
      if (!any && now - no_fork_since_ns_ > to_ns(kNoForkSeconds)) throw;
    }
  }
}

std::vector<pid_t> PoolCore::pids() const {
  std::vector<pid_t> found;
  for (const Place& place : places_) {
    if (place.process) found.push_back(place.process->pid());
  }
  return found;
}

// Batches.

// First fit; regions that touch become one.
std::optional<PoolCore::Region> PoolCore::allocate(uint64_t size_bytes) {
  for (const auto& [offset, size] : free_regions_) {
    if (size < size_bytes) continue;
    const Region region{offset, size_bytes};
    const uint64_t rest = size - size_bytes;
    free_regions_.erase(offset);
    if (rest > 0) free_regions_[region.offset + size_bytes] = rest;
    return region;
  }
  return std::nullopt;
}

void PoolCore::give_back(Region region) {
  const auto here =
      free_regions_.emplace(region.offset, region.size_bytes).first;
  const auto next = std::next(here);
  if (next != free_regions_.end() &&
      here->first + here->second == next->first) {
    here->second += next->second;
    free_regions_.erase(next);
  }
  if (here == free_regions_.begin()) return;
  const auto before = std::prev(here);
  if (before->first + before->second == here->first) {
    before->second += here->second;
    free_regions_.erase(here);
  }
}

bool PoolCore::find_room(uint64_t size_bytes, Region& region) {
  reclaim();
  const Board& shared = board();
  if (free_slots_.empty() ||
      shared.tail - shared.head >= pool_internal::kTicketsMax / 2) {
    return false;
  }
  const std::optional<Region> found = allocate(size_bytes);
  if (found) region = *found;
  return found.has_value();
}

PoolCore::BatchId PoolCore::start(const void* arguments, uint64_t first_index,
                                  size_t count, const TaskOptions& options) {
  // Each takes a byte and more; counted first, since a sum of sizes may wrap.
  const size_t bytes_each = 1 + plan_.result_bytes +
                            (arguments == nullptr ? 0 : plan_.argument_bytes);
  if (count > options_.memory_bytes / bytes_each) {
    throw std::length_error(
        fmt::format("{} tasks do not fit into a pool of {} bytes", count,
                    options_.memory_bytes));
  }
  auto running = std::make_unique<Running>();
  running->options = options;
  running->task_count = count;
  const size_t workers = places_.size();
  running->chunk_size = options.chunk_size != 0
                            ? options.chunk_size
                            : (count + 4 * workers - 1) / (4 * workers);
  if (running->chunk_size == 0) running->chunk_size = 1;
  // A chunk's word has 32 bits for the first of its tasks that is to be done.
  IPC_CHECK(running->chunk_size <= UINT32_MAX);
  running->chunk_count =
      (count + running->chunk_size - 1) / running->chunk_size;
  running->id = next_id_++;
  const BatchId id = running->id;
  lay_out(*running, arguments, first_index, count);
  Running& started = *running_.emplace(id, std::move(running)).first->second;
  if (count == 0) return id;
  double tick_s = kTickSeconds;
  if (options.limit_s > 0) tick_s = std::min(tick_s, options.limit_s / 4);
  set_tick(tick_s);
  // Release, by the default order: who sees the id sees the batch.
  started.batch->id.store(id);
  issue_ticket(started);
  return id;
}

// Finds memory and a slot for a batch, waiting for others to end if need be,
// and fills them.
void PoolCore::lay_out(Running& running, const void* arguments,
                       uint64_t first_index, size_t count) {
  const uint64_t texts = std::min<uint64_t>(count, kTextsMax);
  uint64_t size = 0;
  const auto place = [&](uint64_t size_bytes) {
    const uint64_t offset = size;
    size += aligned(size_bytes);
    return offset;
  };
  const uint64_t words = place(running.chunk_count * sizeof(uint64_t));
  const uint64_t states = place(count);
  const uint64_t text_offset = place(texts * sizeof(FailureText));
  const uint64_t zeros_end = size;
  const uint64_t argument_offset =
      place(arguments == nullptr ? 0 : count * plan_.argument_bytes);
  const uint64_t results = place(count * plan_.result_bytes);
  if (size > options_.memory_bytes) {
    throw std::length_error(
        fmt::format("these tasks take {} bytes of a pool that has {}", size,
                    options_.memory_bytes));
  }
  if (count == 0) return;
  if (!find_room(size, running.region)) {
    // What has ended makes room by moving to our own memory.
    (void)wait(Notify::chunk_done, Deadline::never(), [&] {
      for (const auto& [id, other] : running_) {
        if (other->done()) keep_results(*other);
      }
      return find_room(size, running.region);
    });
  }
  running.slot = free_slots_.back();
  free_slots_.pop_back();
  Batch& batch = board().batches[running.slot];
  running.batch = &batch;
  const uint64_t base = running.region.offset;
  batch.first_number = next_number_;
  next_number_ += count;
  batch.task_count = count;
  batch.chunk_size = running.chunk_size;
  batch.chunk_count = running.chunk_count;
  batch.first_index = first_index;
  batch.words = base + words;
  batch.states = base + states;
  batch.texts = base + text_offset;
  batch.arguments = arguments == nullptr ? 0 : base + argument_offset;
  batch.results = base + results;
  batch.text_count = texts;
  batch.next = 0;
  batch.unfinished = running.chunk_count;
  batch.texts_used = 0;
  // All zeros: chunks are free, tasks open, texts of no task.
  static_assert(ChunkWord(State::free, 0, 0).bits() == 0);
  static_assert(static_cast<int>(TaskState::open) == 0);
  ::memset(plan_.at<std::byte>(base), 0, zeros_end);
  if (arguments != nullptr) {
    ::memcpy(plan_.at<std::byte>(batch.arguments), arguments,
             count * plan_.argument_bytes);
  }
}

// Sends the workers to a batch; later if there are too many tickets already.
void PoolCore::issue_ticket(Running& running) {
  Board& shared = board();
  const uint64_t tail = shared.tail;
  running.ticket_due = tail - shared.head >= pool_internal::kTicketsMax;
  if (running.ticket_due) return;
  shared.tickets[tail % pool_internal::kTicketsMax] =
      pool_internal::make_ticket(running.id, running.slot);
  shared.tail = tail + 1;
  if (running.chunk_count == 1) {
    shared.sleepers.wake_one();
  } else {
    shared.sleepers.wake_all();
  }
}

// Copies what a batch that is done has brought, so that others get its place.
void PoolCore::keep_results(Running& running) {
  if (running.batch == nullptr) return;
  const Batch& batch = *running.batch;
  const auto* const states = plan_.at<std::atomic<TaskState>>(batch.states);
  for (uint64_t task = 0; task < running.task_count; ++task) {
    const TaskState state = states[task];
    if (state == TaskState::threw) {
      running.failures[task] = describe(running, task);
    }
    running.kept_states.push_back(state);
  }
  const auto* const results = plan_.at<std::byte>(batch.results);
  running.kept_results.assign(
      results, results + running.task_count * plan_.result_bytes);
  release(running);
}

// Closes a batch. Its place is used again when no worker looks at it.
void PoolCore::release(Running& running) {
  if (running.batch == nullptr) return;
  // Before the look at the desks; see WorkerLoop::take_ticket().
  running.batch->id.store(0);
  retired_.push_back({running.slot, running.region, now_ns()});
  running.batch = nullptr;
  reclaim();
}

void PoolCore::reclaim() {
  const auto looked_at = [&](const Retired& retired) {
    return std::any_of(
        std::begin(board().desks), std::begin(board().desks) + places_.size(),
        [&](const Desk& desk) { return desk.looking == retired.slot + 1; });
  };
  std::erase_if(retired_, [&](const Retired& retired) {
    if (looked_at(retired)) return false;
    give_back(retired.region);
    free_slots_.push_back(retired.slot);
    return true;
  });
}

PoolCore::Running& PoolCore::find(BatchId id) const {
  const auto found = running_.find(id);
  IPC_CHECK(found != running_.end());
  return *found->second;
}

void PoolCore::cancel(BatchId id) {
  Running& running = find(id);
  if (running.done() || running.cancelled) return;
  running.cancelled = true;
  running.troubled = true;
  auto* const words = plan_.at<std::atomic<uint64_t>>(running.batch->words);
  for (uint64_t chunk = 0; chunk < running.chunk_count; ++chunk) {
    uint64_t seen = words[chunk];
    if (ChunkWord(seen).state() != State::free) continue;
    words[chunk].compare_exchange_strong(seen,
                                         ChunkWord(State::done, 0, 0).bits());
  }
  running.batch->next = running.chunk_count;
  scan(running);
}

void PoolCore::drop(BatchId id) {
  Running& running = find(id);
  if (!running.done()) {
    cancel(id);
    running.dropped = true;
  }
  if (!running.done()) return;  // look() does it when the last chunk is done.
  release(running);
  running_.erase(id);
}

// What the workers have done.

// Finds the chunks that are done. Those that were taken have been drawn, and
// few of them are not done: one for each worker, and those set free again.
void PoolCore::scan(Running& running) {
  if (running.done() || running.batch == nullptr) return;
  const auto* const words =
      plan_.at<std::atomic<uint64_t>>(running.batch->words);
  // Acquire, by the default order: states and results of a chunk that is done.
  const auto is_done = [&](uint64_t chunk) {
    if (ChunkWord(words[chunk]).state() != State::done) return false;
    running.fresh.push_back(chunk);
    ++running.done_chunks;
    return true;
  };
  std::erase_if(running.pending, [&](const Running::Pending& pending) {
    return is_done(pending.chunk);
  });
  running.drawn = std::max<uint64_t>(running.drawn, running.batch->next);
  const uint64_t limit = std::min(running.drawn, running.chunk_count);
  for (; running.scanned < limit; ++running.scanned) {
    if (!is_done(running.scanned)) {
      running.pending.push_back({running.scanned, false});
    }
  }
}

// Sets free what a dead life had taken.
void PoolCore::settle(Running& running, uint32_t life, uint64_t begun,
                      const FinishedTask& failure) {
  if (running.done() || running.batch == nullptr) return;
  running.troubled = true;
  scan(running);
  const auto* const words =
      plan_.at<std::atomic<uint64_t>>(running.batch->words);
  for (const Running::Pending& pending : running.pending) {
    const ChunkWord word(words[pending.chunk]);
    if (word.state() != State::claimed || word.life() != life) continue;
    if (settle_chunk(running, pending.chunk, begun, failure)) {
      wind_back(running, pending.chunk);
    }
  }
}

// Ends the task that the dead one was at, or lets it be done again; true if
// there are tasks left for another worker.
bool PoolCore::settle_chunk(Running& running, uint64_t chunk, uint64_t begun,
                            const FinishedTask& failure) {
  const Batch& batch = *running.batch;
  auto& word = plan_.at<std::atomic<uint64_t>>(batch.words)[chunk];
  auto* const states = plan_.at<std::atomic<TaskState>>(batch.states);
  const uint64_t first = chunk * running.chunk_size;
  const uint64_t end = std::min(first + running.chunk_size, running.task_count);
  uint64_t task = first + ChunkWord(word).start();
  while (task < end && states[task] != TaskState::open) ++task;
  if (task < end && begun == batch.first_number + task + 1 &&
      (running.cancelled ||
       running.retries[task]++ >= running.options.retries)) {
    states[task] = TaskState::lost;
    running.failures[task] = failure;
    ++task;
  }
  if (task == end || running.cancelled) {
    word = ChunkWord(State::done, 0, 0).bits();
    return false;
  }
  // After the states, by the default order: who takes it sees them.
  word = ChunkWord(State::free, 0, static_cast<uint32_t>(task - first)).bits();
  return true;
}

// Lets the workers find a free chunk that they have passed. Only ever
// backwards, or others would be skipped; those passed again cost a look.
void PoolCore::wind_back(Running& running, uint64_t chunk) {
  // Sequentially consistent: who draws the number of the chunk later than this
  // finds it free. And what was drawn until now may be taken, though `next`
  // will not say so any more.
  inner_point("about to wind back");
  uint64_t next = running.batch->next;
  while (next > chunk &&
         !running.batch->next.compare_exchange_weak(next, chunk)) {
  }
  running.drawn = std::max(running.drawn, next);
  issue_ticket(running);
}

std::string PoolCore::text_of(const Running& running, uint64_t task) const {
  const Batch& batch = *running.batch;
  const auto* const texts = plan_.at<FailureText>(batch.texts);
  for (uint64_t i = 0; i < batch.text_count; ++i) {
    if (texts[i].task_plus_one == task + 1) return texts[i].text;
  }
  return "an exception, one of too many";
}

FinishedTask PoolCore::describe(const Running& running, uint64_t task) const {
  const auto found = running.failures.find(task);
  FinishedTask finished;
  if (found != running.failures.end()) finished = found->second;
  finished.task = task;
  if (found != running.failures.end()) return finished;
  const bool kept = running.batch == nullptr;
  const TaskState state =
      kept ? running.kept_states[task]
           : plan_.at<std::atomic<TaskState>>(running.batch->states)[task]
                 .load();
  const std::byte* const results =
      kept ? running.kept_results.data()
           : plan_.at<std::byte>(running.batch->results);
  if (state == TaskState::returned) {
    finished.result = results + task * plan_.result_bytes;
  } else if (state == TaskState::threw && !kept) {
    // Of those that were kept the text is among the failures.
    finished.end = TaskEnd::threw;
    finished.text = text_of(running, task);
  } else {
    finished.end = TaskEnd::cancelled;
    finished.text = "was cancelled";
  }
  return finished;
}

std::optional<FinishedTask> PoolCore::next_until(BatchId id,
                                                 Deadline deadline) {
  Running& running = find(id);
  if (running.returned_tasks == running.task_count) return std::nullopt;
  if (running.fresh.empty() && !wait(Notify::chunk_done, deadline,
                                     [&] { return !running.fresh.empty(); })) {
    return std::nullopt;
  }
  return next_seen(id);
}

std::optional<FinishedTask> PoolCore::next_seen(BatchId id) {
  Running& running = find(id);
  if (running.fresh.empty()) return std::nullopt;
  const uint64_t first = running.fresh.front() * running.chunk_size;
  const uint64_t task = first + running.fresh_task++;
  if (task + 1 == std::min(first + running.chunk_size, running.task_count)) {
    running.fresh.pop_front();
    running.fresh_task = 0;
  }
  ++running.returned_tasks;
  return describe(running, task);
}

size_t PoolCore::left(BatchId id) const {
  const Running& running = find(id);
  return running.task_count - running.returned_tasks;
}

size_t PoolCore::count(BatchId id) const { return find(id).task_count; }

bool PoolCore::done_until(BatchId id, Deadline deadline) {
  const Running& running = find(id);
  return running.done() ||
         wait(Notify::batch_done, deadline, [&] { return running.done(); });
}

FinishedTask PoolCore::finished(BatchId id, size_t task) {
  const Running& running = find(id);
  IPC_CHECK(running.done() && task < running.task_count);
  return describe(running, task);
}

std::optional<FinishedTask> PoolCore::first_failure(BatchId id) {
  const Running& running = find(id);
  IPC_CHECK(running.done());
  // Plain bytes: of a batch that is done nobody stores them any more.
  static_assert(sizeof(std::atomic<TaskState>) == sizeof(TaskState));
  const TaskState* const begin =
      running.batch == nullptr ? running.kept_states.data()
                               : plan_.at<TaskState>(running.batch->states);
  const TaskState* const end = begin + running.task_count;
  // Counted first, which goes many at a time.
  const auto returned = std::count(begin, end, TaskState::returned);
  if (returned == end - begin) return std::nullopt;
  const auto* const failed = std::find_if(
      begin, end, [](TaskState state) { return state != TaskState::returned; });
  return describe(running, static_cast<uint64_t>(failed - begin));
}

const void* PoolCore::results(BatchId id) const {
  const Running& running = find(id);
  if (running.batch == nullptr) return running.kept_results.data();
  return plan_.at<std::byte>(running.batch->results);
}

// Waiting.

int PoolCore::fd() {
  watched_ = true;
  arm_timer();
  board().notify.store(Notify::chunk_done);
  return epoll_fd_.get();
}

template <typename Ready>
bool PoolCore::wait(Notify wanted, Deadline deadline, Ready ready) {
  wanted_ = wanted;
  bool told = false;
  bool is_ready = false;
  while (true) {
    const bool last = deadline.expired();  // Even then we look once.
    look();
    is_ready = ready();
    if (is_ready || last) break;
    if (!std::exchange(told, true)) event(EventKind::wait, "its workers");
    pollfd poll_fd{epoll_fd_.get(), POLLIN, 0};
    const double tick_s = tick_s_ > 0 ? tick_s_ : kTickSeconds;
    const Deadline next = deadline.sooner(Deadline::after(tick_s));
    const int count = ::poll(&poll_fd, 1, next.poll_ms());
    if (count == -1 && errno != EINTR) throw_error(errno, "poll");
  }
  if (told) event(EventKind::wake, "its workers");
  wanted_ = Notify::never;
  if (!watched_) board().notify.store(Notify::never);
  return is_ready;
}

void PoolCore::look() {
  epoll_event found[pool_internal::kWorkersMax + 2];
  const int count =
      check(retry([&] {
              return ::epoll_wait(epoll_fd_.get(), found, std::size(found), 0);
            }),
            "epoll_wait");
  Notify wanted = watched_ ? Notify::chunk_done : wanted_;
  for (const auto& [id, running] : running_) {
    if (running->troubled && !running->done()) wanted = Notify::chunk_done;
  }
  for (int i = 0; i < count; ++i) {
    if (found[i].data.u64 == kEventData) drain(event_fd_.get());
    if (found[i].data.u64 == kTimerData) drain(timer_fd_.get());
  }
  // First we say that we want to know, then we look; WorkerLoop::tell_owner().
  board().notify.store(wanted);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (int i = 0; i < count; ++i) {
    if (found[i].data.u64 < kEventData)
      reap(static_cast<int>(found[i].data.u64));
  }
  for (const auto& [id, running] : running_) scan(*running);
  const int64_t now = now_ns();
  if (tick_s_ > 0 && now - last_tick_ns_ >= to_ns(tick_s_)) tick(now);
  std::erase_if(running_, [&](const auto& item) {
    Running& running = *item.second;
    if (!running.dropped || !running.done()) return false;
    release(running);
    return true;
  });
  refill();
}

// From time to time.

// Ticks come while there is work; faster ones replace slower ones.
void PoolCore::set_tick(double seconds) {
  if (tick_s_ != 0 && seconds >= tick_s_) return;
  if (tick_s_ == 0) last_tick_ns_ = now_ns();
  tick_s_ = seconds;
  if (watched_) arm_timer();
}

// For an event loop, which waits for the descriptor and nothing else.
void PoolCore::arm_timer() {
  const timespec step = to_timespec(to_ns(tick_s_));
  const itimerspec timer{step, step};
  check(::timerfd_settime(timer_fd_.get(), 0, &timer, nullptr),
        "timerfd_settime");
}

void PoolCore::tick(int64_t now) {
  check_limits(now);
  check_stalls();
  check_retired(now);
  reclaim();
  last_tick_ns_ = now;
  const bool idle =
      retired_.empty() &&
      std::all_of(running_.begin(), running_.end(),
                  [](const auto& item) { return item.second->done(); });
  if (!idle) return;
  tick_s_ = 0;
  if (watched_) arm_timer();  // With 0 it is disarmed.
}

// Kills who has been at the same task for too long. A chunk that was taken and
// not begun counts as well: its worker may have been stopped there.
void PoolCore::check_limits(int64_t now) {
  for (const auto& [id, running] : running_) {
    const double limit_s = running->options.limit_s;
    if (limit_s <= 0 || running->batch == nullptr) continue;
    const auto* const words =
        plan_.at<std::atomic<uint64_t>>(running->batch->words);
    for (const auto& pending : running->pending) {
      const ChunkWord word(words[pending.chunk]);
      if (word.state() != State::claimed) continue;
      for (size_t i = 0; i < places_.size(); ++i) {
        Place& place = places_[i];
        if (place.life != word.life() || !place.process) continue;
        const uint64_t begun = board().desks[i].begun;
        const bool same = place.watched_batch == id &&
                          place.watched_chunk == pending.chunk &&
                          place.watched_begun == begun;
        // If we have not looked for long it was maybe the machine that slept.
        if (!same || now - last_tick_ns_ > to_ns(limit_s / 2)) {
          place.watched_batch = id;
          place.watched_chunk = pending.chunk;
          place.watched_begun = begun;
          place.since_ns = now;
        } else if (now - place.since_ns > to_ns(limit_s)) {
          place.limit_s = limit_s;
          place.process->kill();
        }
      }
    }
  }
}

// A chunk that was free at the last tick and is so still, though its number
// was drawn, belongs to a worker that was stopped in between, or has died.
void PoolCore::check_stalls() {
  for (const auto& [id, running] : running_) {
    if (running->batch == nullptr || running->done()) continue;
    if (running->ticket_due) issue_ticket(*running);
    const auto* const words =
        plan_.at<std::atomic<uint64_t>>(running->batch->words);
    for (auto& pending : running->pending) {
      const bool free = ChunkWord(words[pending.chunk]).state() == State::free;
      if (free && std::exchange(pending.was_free, free)) {
        wind_back(*running, pending.chunk);
      }
      pending.was_free = free;
    }
  }
}

// A worker that looks for long at a batch that is done has been stopped between
// two tasks: it is killed, which costs nothing but itself.
void PoolCore::check_retired(int64_t now) {
  for (const Retired& retired : retired_) {
    if (now - retired.since_ns < to_ns(kLookingSeconds)) continue;
    for (size_t i = 0; i < places_.size(); ++i) {
      if (board().desks[i].looking != retired.slot + 1) continue;
      if (places_[i].process) places_[i].process->kill();
    }
  }
}

}  // namespace ipc
