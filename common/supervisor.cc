#include "common/supervisor.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "common/check.h"
#include "common/connection.h"
#include "common/errors.h"
#include "common/process.h"
#include "common/report.h"
#include "common/shared.h"
#include "common/signals.h"

namespace ipc {
namespace {

// How many messages of one worker are read before the others are looked at,
// and of one that has ended: a child of it may go on sending for ever.
constexpr int kMessagesInTurn = 64;
constexpr int kMessagesAtEnd = 1'000;

// For what is not to wait, and for what is due.
Deadline at_once() { return Deadline::at_ns(0); }

int64_t to_ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }
double to_s(int64_t ns) { return static_cast<double>(ns) / 1e9; }

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

// One life of a worker: everything in it is new, so that nothing of the life
// before can be taken for it.
struct Supervisor::Life {
  Connection channel;
  Shared<LifeBoard> board;
  std::optional<Process> process;
  int64_t began_ns = 0;
  int64_t watched_ns = 0;   // Since when somebody looks at the heartbeat.
  std::string failure;      // What the worker says of why it fails.
  std::string kill_reason;  // Why it was killed, if it was.

  // What poll(2) said, and is to say.
  bool readable = false;
  bool ended = false;
  bool open = true;      // The channel: the worker has its end.
  bool sending = false;  // A command is on its way.

  [[nodiscard]] int64_t beat_ns() const {
    // Relaxed: the number stands for itself; see LifeBoard.
    return std::max(board->beat_ns.load(std::memory_order_relaxed), watched_ns);
  }

  void kill(std::string reason) {
    if (kill_reason.empty()) kill_reason = std::move(reason);
    process->kill_group();
  }
};

struct Supervisor::Child {
  explicit Child(WorkerSpec s) : spec(std::move(s)), restarts(spec.restarts) {}

  WorkerSpec spec;
  Restarts restarts;
  WorkerState state = WorkerState::starting;
  Deadline due = at_once();  // Of the next start, or of the end of a stop.
  int lives = 0;
  std::string last_exit;
  std::unique_ptr<Life> life;  // Nothing between two lives.

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

Supervisor::Supervisor() { ignore_sigpipe(); }

Supervisor::~Supervisor() {
  for (const auto& child : children_) {
    if (child->life) child->life->process->kill_group();
  }
}

void Supervisor::add(WorkerSpec spec) {
  IPC_CHECK(limit_can_be_reached(spec.restarts, 1.5 * spec.heartbeat_s));
  for (const auto& child : children_) IPC_CHECK(child->spec.name != spec.name);
  children_.push_back(std::make_unique<Child>(std::move(spec)));
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
    last = deadline.expired();  // Even then everything is looked at once.
    wait(deadline);
    for (const auto& child : children_) look_at(*child);
  }
  Notice notice = std::move(notices_.front());
  notices_.pop_front();
  return notice;
}

void Supervisor::wait(Deadline deadline) {
  std::vector<pollfd> poll_fds;
  for (const auto& child : children_) {
    deadline = deadline.sooner(child->next_duty());
    if (!child->life) continue;
    const Life& life = *child->life;
    poll_fds.push_back({life.process->pidfd(), POLLIN, 0});
    const auto events =
        static_cast<int16_t>(life.sending ? POLLIN | POLLOUT : POLLIN);
    // A negative descriptor is skipped; see poll(2).
    poll_fds.push_back({life.open ? life.channel.fd() : -1, events, 0});
  }
  event(EventKind::wait, "its workers");
  const int ready =
      ::poll(poll_fds.data(), poll_fds.size(), deadline.poll_ms());
  event(EventKind::wake, "its workers");
  if (ready == -1 && errno != EINTR) throw_error(errno, "poll");
  if (ready == -1) return;
  auto poll_fd = poll_fds.begin();
  for (const auto& child : children_) {
    if (!child->life) continue;
    child->life->ended = poll_fd++->revents != 0;
    child->life->readable = poll_fd++->revents != 0;
  }
}

void Supervisor::look_at(Child& child) {
  if (child.settled()) return;
  if (!child.life) {
    if (child.due.expired()) start(child);
    return;
  }
  Life& life = *child.life;
  if (life.ended) return finish(child);
  if (life.readable) read_messages(child, kMessagesInTurn);
  if (life.sending) {
    life.sending = life.channel.flush_until(at_once()) == Transfer::timed_out;
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
    ConnectionPair ends = make_connections();
    child.life = std::make_unique<Life>();
    child.life->channel = std::move(ends.first);
    child.life->began_ns = child.life->watched_ns = now_ns();
    // Not made in its place: in the child the Life ends before the Process.
    Process process(
        child.spec.name, [&] { become_worker(child, std::move(ends.second)); },
        Process::Group::own);
    child.life->process = std::move(process);
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

// In the new process: takes out what it needs and gives up all the rest, the
// channels of its brothers above all.
void Supervisor::become_worker(Child& child, Connection channel) {
  const auto life = std::move(child.life);
  const WorkerSpec spec = std::move(child.spec);
  const int number = child.lives + 1;
  life->channel.close();
  children_.clear();
  Worker worker(spec.name, number, spec.heartbeat_s, *life->board,
                std::move(channel));
  worker.run(spec.work);
}

void Supervisor::read_messages(Child& child, int count_max) {
  Life& life = *child.life;
  for (int i = 0; i < count_max && life.open; ++i) {
    try {
      const Received received = life.channel.receive_until(at_once());
      if (received.status == Transfer::timed_out) return;
      life.open = static_cast<bool>(received);
      if (received) take_message(child, *received);
    } catch (const std::system_error& error) {
      // Not a message at all: several processes wrote, or memory is broken.
      life.open = false;
      if (!life.ended) life.kill(error.what());
    }
  }
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
    // We should have been here long ago: it was us who stood still, and maybe
    // the worker had to wait for us. Silence counts while somebody listens.
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
  child.life.reset();
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
  const Child& child = find(name);
  if (!child.life || child.state != WorkerState::running) return false;
  Life& life = *child.life;
  // One after another: what waits behind a full channel was never accepted.
  if (life.channel.flush_until(at_once()) != Transfer::ok) return false;
  const Transfer sent = life.channel.send_until(text, at_once());
  life.sending = sent == Transfer::timed_out;
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
  // Relaxed, see LifeBoard. The end of the commands says it too, to a worker
  // that waits for one: it needs no room in the channel and cannot be lost.
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
