#include "common/pool/internal/core.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"

namespace ipc {

using pool_internal::Ledger;
using pool_internal::Notify;
using pool_internal::Space;

namespace {

constexpr double kTickSeconds = 0.1;

// What epoll(7) reports, besides the number of a worker.
constexpr uint64_t kEventData = 1'000'000;
constexpr uint64_t kTimerData = kEventData + 1;

void drain(int fd) {
  uint64_t count = 0;
  const ssize_t size = retry([&] { return ::read(fd, &count, sizeof count); });
  if (size == -1 && errno != EAGAIN) throw_error(errno, "read");
}

}  // namespace

PoolCore::PoolCore(int worker_count, size_t argument_bytes, size_t result_bytes,
                   pool_internal::Call call, PoolOptions options)
    : options_(std::move(options)),
      storage_(options_.memory_bytes, worker_count),
      event_fd_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      epoll_fd_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      plan_{std::move(call), argument_bytes, result_bytes, storage_.memory(),
            event_fd_.get()},
      workers_(worker_count, options_, plan_, epoll_fd_.get()) {
  pool_internal::add_to_epoll(epoll_fd_.get(), event_fd_.get(), kEventData);
  pool_internal::add_to_epoll(epoll_fd_.get(), ticker_.fd(), kTimerData);
}

Ledger& PoolCore::find(BatchId id) const {
  const auto found = ledgers_.find(id);
  IPC_CHECK(found != ledgers_.end());
  return *found->second;
}

// Batches.

PoolCore::BatchId PoolCore::start(const void* arguments, uint64_t first_index,
                                  size_t count, const TaskOptions& options) {
  const bool has_arguments = arguments != nullptr;
  // Each task takes these bytes at least. Checked first, because the sum of
  // sizes below may overflow.
  const size_t bytes_each =
      1 + plan_.result_bytes + (has_arguments ? plan_.argument_bytes : 0);
  if (count > options_.memory_bytes / bytes_each) {
    throw std::length_error(
        fmt::format("{} tasks do not fit into a pool of {} bytes", count,
                    options_.memory_bytes));
  }
  const BatchId id = next_id_++;
  auto ledger = std::make_unique<Ledger>(plan_, id, count, workers_.count(),
                                         has_arguments, options);
  if (ledger->size_bytes() > options_.memory_bytes) {
    throw std::length_error(
        fmt::format("these tasks take {} bytes of a pool that has {}",
                    ledger->size_bytes(), options_.memory_bytes));
  }
  if (count > 0) {
    ledger->lay_out(make_room(ledger->size_bytes()), arguments, first_index,
                    next_number_);
    next_number_ += count;
  }
  Ledger& started = *ledgers_.emplace(id, std::move(ledger)).first->second;
  if (count == 0) return id;
  ticker_.start(options.limit_s > 0
                    ? std::min(kTickSeconds, options.limit_s / 4)
                    : kTickSeconds);
  started.begin();
  return id;
}

// Room for a batch, waiting for others to end if need be.
Space PoolCore::make_room(uint64_t size_bytes) {
  std::optional<Space> space = storage_.take(size_bytes);
  const auto has_room = [&] {
    // The results of batches that have ended move to our own memory.
    for (const auto& [id, ledger] : ledgers_) {
      if (!ledger->done()) continue;
      ledger->keep_results();
      release(*ledger);
    }
    space = storage_.take(size_bytes);
    return space.has_value();
  };
  if (!space) (void)wait(Notify::chunk_done, Deadline::never(), has_room);
  return *space;
}

// The slot and memory of a batch are used again when no worker looks at it.
void PoolCore::release(Ledger& ledger) {
  if (const auto space = ledger.close()) storage_.retire(*space);
}

void PoolCore::drop(BatchId id) {
  find(id).drop();
  forget_dropped();
}

void PoolCore::forget_dropped() {
  std::erase_if(ledgers_, [&](const auto& item) {
    if (!item.second->is_over()) return false;
    release(*item.second);
    return true;
  });
}

std::optional<FinishedTask> PoolCore::next_until(BatchId id,
                                                 Deadline deadline) {
  Ledger& ledger = find(id);
  if (ledger.left() == 0) return std::nullopt;
  if (!ledger.has_fresh()) {
    (void)wait(Notify::chunk_done, deadline,
               [&] { return ledger.has_fresh(); });
  }
  return ledger.next();
}

bool PoolCore::done_until(BatchId id, Deadline deadline) {
  const Ledger& ledger = find(id);
  return ledger.done() ||
         wait(Notify::batch_done, deadline, [&] { return ledger.done(); });
}

// Waiting.

int PoolCore::fd() {
  watched_ = true;
  ticker_.run_timer();
  board().notify.store(Notify::chunk_done);
  return epoll_fd_.get();
}

template <typename Ready>
bool PoolCore::wait(Notify wanted, Deadline deadline, Ready ready) {
  wanted_ = wanted;
  bool told = false;
  bool is_ready = false;
  while (true) {
    const bool last = deadline.expired();  // We look at least once.
    look();
    is_ready = ready();
    if (is_ready || last) break;
    if (!std::exchange(told, true)) event(EventKind::wait, "its workers");
    pollfd poll_fd{epoll_fd_.get(), POLLIN, 0};
    const Deadline next =
        deadline.sooner(Deadline::after(ticker_.step_s(kTickSeconds)));
    const int count = ::poll(&poll_fd, 1, next.poll_ms());
    if (count == -1 && errno != EINTR) throw_error(errno, "poll");
  }
  if (told) event(EventKind::wake, "its workers");
  wanted_ = Notify::never;
  if (!watched_) board().notify.store(Notify::never);
  return is_ready;
}

Notify PoolCore::wanted() const {
  const bool troubled =
      std::any_of(ledgers_.begin(), ledgers_.end(),
                  [](const auto& item) { return item.second->troubled(); });
  return watched_ || troubled ? Notify::chunk_done : wanted_;
}

void PoolCore::look() {
  epoll_event found[pool_internal::kWorkersMax + 2];
  const int count =
      check(retry([&] {
              return ::epoll_wait(epoll_fd_.get(), found, std::size(found), 0);
            }),
            "epoll_wait");
  for (int i = 0; i < count; ++i) {
    if (found[i].data.u64 == kEventData) drain(event_fd_.get());
    if (found[i].data.u64 == kTimerData) drain(ticker_.fd());
  }
  // First we say what we want to know, then we look: see tell_owner().
  board().notify.store(wanted());
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (int i = 0; i < count; ++i) {
    if (found[i].data.u64 >= kEventData) continue;
    const auto death = workers_.reap(found[i].data.u64);
    if (!death) continue;
    for (const auto& [id, ledger] : ledgers_) ledger->settle(*death);
  }
  for (const auto& [id, ledger] : ledgers_) ledger->scan();
  const int64_t now = now_ns();
  if (ticker_.due(now)) tick(now);
  forget_dropped();
  workers_.refill();
}

// What has to be done from time to time.
void PoolCore::tick(int64_t now) {
  for (const auto& [id, ledger] : ledgers_) {
    ledger->for_each_limited(
        [&, id = id](uint32_t life, uint64_t chunk, double limit_s) {
          // If we have not looked for long, perhaps the machine slept: then
          // the count begins again.
          const bool anew = ticker_.since_last_ns(now) > to_ns(limit_s / 2);
          workers_.limit(life, id, chunk, limit_s, now, anew);
        });
    ledger->find_stalled();
  }
  // Workers that were stopped between two tasks: killing them costs no task.
  for (const size_t place : storage_.overdue(now)) workers_.kill(place);
  storage_.reclaim();
  ticker_.ticked(now);
  const bool idle =
      !storage_.has_retired() &&
      std::all_of(ledgers_.begin(), ledgers_.end(),
                  [](const auto& item) { return item.second->done(); });
  if (idle) ticker_.stop();
}

}  // namespace ipc
