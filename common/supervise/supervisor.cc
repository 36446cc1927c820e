#include "common/supervise/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <system_error>
#include <utility>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hooks.h"
#include "common/base/wait_ready.h"
#include "common/channel/connection.h"
#include "common/memory/shared.h"
#include "common/process/process.h"

namespace ipc {
namespace {

// How many messages of one worker are read before the others get a turn, and
// how many of one that has ended: a child of it may keep sending forever.
constexpr int kMessagesInTurn = 64;
constexpr int kMessagesAtEnd = 1'000;

// What epoll(7) reports is 2 * the number of a child + one of these two.
constexpr size_t kEnded = 0;
constexpr size_t kReadable = 1;

// For a call that must not wait, and for a duty that is due.
Deadline at_once() { return Deadline::at_ns(0); }

// Closes descriptors in ascending order.
void close_all(std::span<const int> fds) {
  while (!fds.empty()) {
    size_t count = 1;
    while (count < fds.size() && fds[count] == fds[count - 1] + 1) ++count;
    // The kernel has had this call since 5.9.
    if (::close_range(fds[0], fds[count - 1], 0) != 0) {
      for (const int fd : fds.first(count)) ::close(fd);
    }
    fds = fds.subspan(count);
  }
}

}  // namespace

std::string_view describe(WorkerState state) {
  switch (state) {
    case WorkerState::starting:
      return "starting";
    case WorkerState::running:
      return "running";
    case WorkerState::backing_off:
      return "backing off";
    case WorkerState::stopping:
      return "stopping";
    case WorkerState::stopped:
      return "stopped";
    case WorkerState::completed:
      return "completed";
    case WorkerState::failed:
      return "failed";
  }
  return "?";
}

// Memory for the boards of many lives. Each life has its own board, so a
// process that outlives its life cannot beat in the name of the next. The block
// is freed with the last of its lives. A mapping per life would be copied at
// every fork.
struct Supervisor::Block {
  static constexpr size_t kBoards = SharedPages::kAlignment / sizeof(LifeBoard);

  LifeBoard* next() {
    return new (static_cast<LifeBoard*>(pages.data()) + used++) LifeBoard;
  }

  SharedPages pages{SharedPages::kAlignment};
  size_t used = 0;
};

// One life of a worker. Everything in it is new, so that nothing from the life
// before can be mistaken for it.
struct Supervisor::Life {
  Connection channel;
  std::shared_ptr<Block> block;
  LifeBoard* board = nullptr;  // In the block.
  std::optional<Process> process;
  int64_t began_ns = 0;
  int64_t watched_ns = 0;   // Since when the supervisor checks the heartbeat.
  std::string failure;      // The worker's own reason why it fails.
  std::string kill_reason;  // Why it was killed, if it was.

  // What epoll(7) reported, and what it is to report.
  bool readable = false;
  bool ended = false;
  bool open = true;      // The channel: not yet closed by the worker or by us.
  bool sending = false;  // A command is on its way.

  [[nodiscard]] int64_t beat_ns() const {
    // Relaxed: the number publishes no other data; see LifeBoard.
    return std::max(board->beat_ns.load(std::memory_order_relaxed), watched_ns);
  }

  void kill(std::string reason) {
    if (kill_reason.empty()) kill_reason = std::move(reason);
    process->kill_group();
  }
};

struct Supervisor::Child {
  Child(size_t i, WorkerSpec s)
      : number(i), spec(std::move(s)), restarts(spec.restarts) {}

  size_t number;  // Among the children.
  WorkerSpec spec;
  Restarts restarts;
  WorkerState state = WorkerState::starting;
  Deadline due = at_once();  // Of the next start, or of the end of a stop.
  int lives = 0;
  std::string last_exit;
  std::unique_ptr<Life> life;  // Null between two lives.

  [[nodiscard]] bool settled() const {
    return state == WorkerState::stopped || state == WorkerState::completed ||
           state == WorkerState::failed;
  }

  [[nodiscard]] bool watched() const {
    return spec.heartbeat_s > 0 && state != WorkerState::stopping;
  }

  // When something is to be done even if nothing happens.
  [[nodiscard]] Deadline next_duty() const {
    if (settled()) return Deadline::never();
    if (!life || state == WorkerState::stopping) return due;
    if (!watched() || !life->kill_reason.empty()) return Deadline::never();
    return Deadline::at_ns(life->beat_ns() + to_ns(spec.heartbeat_s));
  }
};

Supervisor::Supervisor()
    : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

Supervisor::~Supervisor() {
  for (const auto& child : children_) {
    if (child->life) child->life->process->kill_group();
  }
}

void Supervisor::add(WorkerSpec spec) {
  IPC_CHECK(limit_can_be_reached(spec.restarts, 1.5 * spec.heartbeat_s));
  for (const auto& child : children_) IPC_CHECK(child->spec.name != spec.name);
  children_.push_back(
      std::make_unique<Child>(children_.size(), std::move(spec)));
}

Supervisor::Child& Supervisor::find(std::string_view name) const {
  const auto found =
      std::find_if(children_.begin(), children_.end(),
                   [&](const auto& child) { return child->spec.name == name; });
  IPC_CHECK(found != children_.end());
  return **found;
}

bool Supervisor::done() const {
  return std::all_of(children_.begin(), children_.end(),
                     [](const auto& child) { return child->settled(); });
}

std::optional<Notice> Supervisor::next_until(Deadline deadline) {
  bool last = false;
  while (notices_.empty()) {
    if (last || done()) return std::nullopt;
    last = deadline.expired();  // Even then look at everything one time.
    wait(deadline);
    for (const auto& child : children_) look_at(*child);
  }
  Notice notice = std::move(notices_.front());
  notices_.pop_front();
  return notice;
}

void Supervisor::wait(Deadline deadline) {
  for (const auto& child : children_) {
    deadline = deadline.sooner(child->next_duty());
  }
  event(EventKind::wait, "its workers");
  if (!deadline.expired()) (void)wait_ready(epoll_.get(), POLLIN, deadline);
  event(EventKind::wake, "its workers");
  std::vector<epoll_event> found(2 * children_.size());  // All there can be.
  found.resize(static_cast<size_t>(
      check(retry([&] {
              return ::epoll_wait(epoll_.get(), found.data(),
                                  static_cast<int>(found.size()), 0);
            }),
            "epoll_wait")));
  for (const epoll_event& one : found) {
    Life& life = *children_[one.data.u64 / 2]->life;
    (one.data.u64 % 2 == kEnded ? life.ended : life.readable) = true;
  }
}

void Supervisor::watch(int operation, int fd, size_t data, bool writes) {
  epoll_event wanted{};
  wanted.events = EPOLLIN | (writes ? EPOLLOUT : 0U);
  wanted.data.u64 = data;
  check(::epoll_ctl(epoll_.get(), operation, fd, &wanted), "epoll_ctl");
}

void Supervisor::look_at(Child& child) {
  if (child.settled()) return;
  if (!child.life) {
    if (child.due.expired()) start(child);
    return;
  }
  Life& life = *child.life;
  if (life.ended) return finish(child);
  if (std::exchange(life.readable, false)) {
    read_messages(child, kMessagesInTurn);
    if (life.sending) {
      set_sending(child,
                  life.channel.flush_until(at_once()) == Transfer::timed_out);
    }
  }
  if (child.state == WorkerState::stopping && child.due.expired()) {
    child.due = Deadline::never();
    life.kill(
        fmt::format("did not stop within {:g} s", child.spec.stop_timeout_s));
  }
  if (child.watched()) check_heartbeat(child);
}

void Supervisor::start(Child& child) {
  child.state = WorkerState::starting;
  try {
    if (!block_ || block_->used == Block::kBoards) {
      block_ = std::make_shared<Block>();
    }
    ConnectionPair ends = make_connections();
    child.life = std::make_unique<Life>();
    Life& life = *child.life;
    life.channel = std::move(ends.first);
    life.block = block_;
    life.board = block_->next();
    life.began_ns = life.watched_ns = now_ns();
    // Before the fork: if it fails, no process has been started.
    watch(EPOLL_CTL_ADD, life.channel.fd(), 2 * child.number + kReadable);
    const std::vector<int> not_for_it = own_descriptors();
    // Not created in life.process: the child gives up that object.
    Process process(
        child.spec.name,
        [&] {
          close_all(not_for_it);
          become_worker(child, std::move(ends.second));
        },
        Process::Group::own);
    life.process = std::move(process);
    watch(EPOLL_CTL_ADD, life.process->pidfd(), 2 * child.number + kEnded);
    ++child.lives;
  } catch (const std::system_error& error) {
    child.life.reset();
    child.state = WorkerState::backing_off;
    child.last_exit = fmt::format("cannot start: {}", error.what());
    const int64_t now = now_ns();
    child.due = child.restarts.after_failed_start(now);
    tell(child, Notice::Kind::start_failed, child.last_exit,
         to_s(child.due.ns() - now));
  }
}

// The descriptors that a worker must not have, in ascending order.
std::vector<int> Supervisor::own_descriptors() const {
  std::vector<int> fds{epoll_.get()};
  for (const auto& child : children_) {
    if (!child->life) continue;
    fds.push_back(child->life->channel.fd());
    if (child->life->process) fds.push_back(child->life->process->pidfd());
  }
  std::sort(fds.begin(), fds.end());
  return fds;
}

// Runs in the new process. Every page that is written to is copied here, and
// every new page of code costs a page fault, so it is better to do little: the
// lives of the others are left as they are.
void Supervisor::become_worker(Child& child, Connection channel) {
  const Life& life = *child.life;
  // Takes them out of reach of the work. They are not destroyed before the work
  // is done: that would close descriptors that have their numbers by now.
  const auto brothers = std::move(children_);
  Worker worker(child.spec.name, child.lives + 1, child.spec.heartbeat_s,
                *life.board, std::move(channel));
  worker.run(child.spec.work);
}

void Supervisor::read_messages(Child& child, int count_max) {
  Life& life = *child.life;
  for (int i = 0; i < count_max && life.open; ++i) {
    try {
      const Received received = life.channel.receive_until(at_once());
      if (received.status == Transfer::timed_out) return;
      if (!received) return close_channel(child);
      take_message(child, *received);
    } catch (const std::system_error& error) {
      // Not a valid message: several processes wrote, or memory is corrupt.
      close_channel(child);
      if (!life.ended) life.kill(error.what());
    }
  }
}

// Stops watching the channel.
void Supervisor::close_channel(Child& child) {
  Life& life = *child.life;
  if (!std::exchange(life.open, false)) return;
  watch(EPOLL_CTL_DEL, life.channel.fd(), 0);
}

void Supervisor::set_sending(Child& child, bool sending) {
  Life& life = *child.life;
  if (std::exchange(life.sending, sending) == sending || !life.open) return;
  watch(EPOLL_CTL_MOD, life.channel.fd(), 2 * child.number + kReadable,
        sending);
}

void Supervisor::take_message(Child& child, const std::string& message) {
  const char kind = message.empty() ? '\0' : message.front();
  if (kind == kWorkerStatus) {
    tell(child, Notice::Kind::reported, message.substr(1));
  } else if (kind == kWorkerFailed) {
    child.life->failure = message.substr(1);
  } else if (kind == kWorkerBegun) {
    if (child.state == WorkerState::starting) {
      child.state = WorkerState::running;
    }
    tell(child, Notice::Kind::started,
         child.lives == 1 ? "started"
                          : fmt::format("started, life {}", child.lives));
  }
}

void Supervisor::check_heartbeat(Child& child) {
  Life& life = *child.life;
  if (!life.kill_reason.empty()) return;
  const int64_t limit_ns = to_ns(child.spec.heartbeat_s);
  const int64_t late_ns = now_ns() - (life.beat_ns() + limit_ns);
  if (late_ns < 0) return;
  if (late_ns > limit_ns / 2) {
    // We are late ourselves: we stood still, and maybe the worker had to wait
    // for us. Silence counts only while the supervisor listens.
    life.watched_ns = now_ns();
    return;
  }
  life.kill(
      fmt::format("hung: no heartbeat for {:g} s", child.spec.heartbeat_s));
  tell(child, Notice::Kind::hung, life.kill_reason);
}

void Supervisor::finish(Child& child) {
  Life& life = *child.life;
  read_messages(child, kMessagesAtEnd);
  // Kills what is left of the group, then reaps.
  const int status = life.process->join();
  const bool killed = !life.kill_reason.empty();
  child.last_exit = describe_status(status);
  if (killed) {
    child.last_exit = fmt::format("{}, {}", life.kill_reason, child.last_exit);
  } else if (!life.failure.empty()) {
    child.last_exit =
        fmt::format("failed: {}, {}", life.failure, child.last_exit);
  }
  if (child.state == WorkerState::stopping) {
    child.state = WorkerState::stopped;
    tell(child, Notice::Kind::stopped,
         status == 0 ? "stopped" : fmt::format("stopped: {}", child.last_exit));
  } else {
    decide(child, killed || status != 0);
  }
  // Closing the descriptors does not unregister them from epoll: a worker that
  // has just begun still has copies.
  close_channel(child);
  watch(EPOLL_CTL_DEL, life.process->pidfd(), 0);
  child.life.reset();
  // A restart without delay happens before next() returns the notices.
  if (child.state == WorkerState::backing_off && child.due.expired()) {
    start(child);
  }
}

void Supervisor::decide(Child& child, bool abnormal) {
  const RestartPolicy policy = child.spec.policy;
  const bool wanted = policy == RestartPolicy::permanent ||
                      (policy == RestartPolicy::transient && abnormal);
  if (!wanted && !abnormal) {
    child.state = WorkerState::completed;
    return tell(child, Notice::Kind::completed, "completed");
  }
  tell(child, Notice::Kind::ended, fmt::format("ended: {}", child.last_exit));
  const int64_t now = now_ns();
  const auto next = wanted
                        ? child.restarts.after_life(child.life->began_ns, now)
                        : std::nullopt;
  if (next) {
    child.state = WorkerState::backing_off;
    child.due = *next;
    const double delay_s = to_s(next->ns() - now);
    return tell(
        child, Notice::Kind::restarting,
        fmt::format("restart {} in {:g} s", child.restarts.count(), delay_s),
        delay_s);
  }
  child.state = WorkerState::failed;
  const RestartRule& rule = child.spec.restarts;
  tell(child, Notice::Kind::gave_up,
       wanted ? fmt::format("gave up: at most {} restart{} within {:g} s",
                            rule.count_max, rule.count_max == 1 ? "" : "s",
                            rule.window_s)
              : "gave up: temporary, never restarted");
}

bool Supervisor::command(std::string_view name, std::string_view text) {
  Child& child = find(name);
  if (!child.life || child.state != WorkerState::running) return false;
  Life& life = *child.life;
  // A command is accepted only when the one before is sent as a whole.
  if (life.channel.flush_until(at_once()) != Transfer::ok) return false;
  life.channel.queue(text);
  const Transfer sent = life.channel.flush_until(at_once());
  set_sending(child, sent == Transfer::timed_out);
  return sent != Transfer::closed;
}

void Supervisor::stop(std::string_view name) {
  Child& child = find(name);
  if (child.settled() || child.state == WorkerState::stopping) return;
  if (!child.life) {
    child.state = WorkerState::stopped;
    return tell(child, Notice::Kind::stopped, "stopped");
  }
  child.state = WorkerState::stopping;
  child.due = Deadline::after(child.spec.stop_timeout_s);
  // Relaxed, see LifeBoard. A worker that waits for a command learns it from
  // the end of the stream, which needs no room in the channel and is not lost.
  child.life->board->stop.store(true, std::memory_order_relaxed);
  (void)::shutdown(child.life->channel.fd(), SHUT_WR);
}

void Supervisor::stop_all() {
  for (const auto& child : children_) stop(child->spec.name);
}

void Supervisor::restart(std::string_view name) {
  Child& child = find(name);
  IPC_CHECK(child.settled());
  child.restarts = Restarts(child.spec.restarts);
  child.state = WorkerState::starting;
  child.due = at_once();
}

WorkerStatus Supervisor::status(std::string_view name) const {
  const Child& child = find(name);
  WorkerStatus status;
  status.state = child.state;
  status.life = child.lives;
  status.restarts = child.restarts.count();
  status.last_exit = child.last_exit;
  if (child.life) {
    const int64_t now = now_ns();
    status.pid = child.life->process->pid();
    status.uptime_s = to_s(now - child.life->began_ns);
    status.heartbeat_age_s = to_s(now - child.life->beat_ns());
  }
  return status;
}

void Supervisor::tell(const Child& child, Notice::Kind kind, std::string text,
                      double delay_s) {
  const int life = child.lives + (kind == Notice::Kind::start_failed ? 1 : 0);
  notices_.push_back({kind, child.spec.name, life, std::move(text), delay_s});
}

}  // namespace ipc
