#include "common/pool/internal/workers.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/errors.h"

namespace ipc::pool_internal {
namespace {

// After more deaths than this in a row, all before the worker was ready, the
// initializer is at fault.
constexpr int kEarlyDeathsMax = 8;
constexpr double kNoForkSeconds = 1;

}  // namespace

Workers::Workers(int count, const PoolOptions& options, const Plan& plan,
                 int epoll_fd)
    : options_(options), plan_(plan), epoll_fd_(epoll_fd), owner_(::getpid()) {
  IPC_CHECK(count >= 1 && count <= kWorkersMax);
  places_.resize(static_cast<size_t>(count));
  for (size_t place = 0; place < places_.size(); ++place) start(place);
}

Workers::~Workers() {
  // A child's copy of the pool owns nothing.
  if (owner_ != ::getpid()) return;
  // Kills all at once; the destructor of each Process then only reaps.
  for (size_t place = 0; place < places_.size(); ++place) kill(place);
}

void Workers::start(size_t place) {
  Place& here = places_[place];
  Desk& desk = plan_.board().desks[place];
  const uint32_t life = ++lives_;
  desk.ready = 0;
  desk.begun = 0;
  desk.looking = 0;
  desk.life = life;
  here = {};
  here.life = life;
  here.process.emplace(fmt::format("{} {}", options_.name, place + 1),
                       [&] { become(place, life); });
  add_to_epoll(epoll_fd_, here.process->pidfd(), place);
}

void Workers::become(size_t place, uint32_t life) {
  if (options_.initializer) options_.initializer();
  plan_.board().desks[place].ready = 1;
  WorkerLoop(plan_, static_cast<int>(place), life).run();
}

std::optional<Death> Workers::reap(size_t place) {
  Place& here = places_[place];
  if (!here.process) return std::nullopt;
  const std::optional<int> status = here.process->exit_status();
  if (!status) return std::nullopt;
  // Closing it would not do: workers that were forked later have copies of it.
  check(::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, here.process->pidfd(), nullptr),
        "epoll_ctl delete");
  here.process.reset();
  ++deaths_;
  Desk& desk = plan_.board().desks[place];
  // SIGKILL comes from another process and says nothing about the initializer.
  const bool early = desk.ready == 0 && *status != -SIGKILL;
  if (early || desk.ready != 0) early_deaths_ = early ? early_deaths_ + 1 : 0;
  if (early_deaths_ > kEarlyDeathsMax) {
    broken_ = fmt::format("no worker gets through its initializer: {}",
                          describe_status(*status));
  }
  Death death{here.life, desk.begun, {}};
  death.failure.status = *status;
  if (here.limit_s > 0) {
    death.failure.end = TaskEnd::too_late;
    death.failure.text = fmt::format("took longer than {:g} s", here.limit_s);
  } else {
    death.failure.end = TaskEnd::worker_died;
    death.failure.text = "its worker died: " + describe_status(*status);
  }
  desk.life = 0;
  desk.begun = 0;
  desk.looking = 0;
  return death;
}

void Workers::refill() {
  bool any = false;
  if (!broken_.empty()) throw std::runtime_error(broken_);
  for (size_t place = 0; place < places_.size(); ++place) {
    if (places_[place].process) {
      any = true;
      continue;
    }
    try {
      start(place);
      any = true;
      no_fork_since_ns_ = 0;
    } catch (const std::system_error&) {
      plan_.board().desks[place].life = 0;
      const int64_t now = now_ns();
      if (no_fork_since_ns_ == 0) no_fork_since_ns_ = now;
      if (!any && now - no_fork_since_ns_ > to_ns(kNoForkSeconds)) throw;
    }
  }
}

// A chunk that was taken but not begun counts as well: its worker may have been
// stopped there.
void Workers::limit(uint32_t life, uint64_t batch, uint64_t chunk,
                    double limit_s, int64_t now, bool anew) {
  for (size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    if (place.life != life || !place.process) continue;
    const Position position{batch, chunk, plan_.board().desks[i].begun};
    if (anew || position != place.position) {
      place.position = position;
      place.since_ns = now;
    } else if (now - place.since_ns > to_ns(limit_s)) {
      place.limit_s = limit_s;
      place.process->kill();
    }
  }
}

void Workers::kill(size_t place) {
  if (places_[place].process) places_[place].process->kill();
}

std::vector<pid_t> Workers::pids() const {
  std::vector<pid_t> found;
  for (const Place& place : places_) {
    if (place.process) found.push_back(place.process->pid());
  }
  return found;
}

void add_to_epoll(int epoll_fd, int fd, uint64_t data) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = data;
  check(::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &wanted), "epoll_ctl add");
}

}  // namespace ipc::pool_internal
